/** Signals that had no effect. Anybody may signal, and a signal has no answer: what is left out is counted, and told with the rest. */
import { oneLine, plural } from '../../src/contract/index.ts';

export interface LeftOut {
  readonly count: number;
  /** The last one's name, and what was wrong with it. */
  readonly last: string;
}

export const NONE_LEFT_OUT: LeftOut = { count: 0, last: '' };

/** One more: the signal `name`, and why it had no effect. */
export function countLeftOut({ count }: LeftOut, name: string, why: string): LeftOut {
  return { count: count + 1, last: oneLine(`${name}: ${why}`, 200) };
}

/** What is told of them. */
export function leftOutNotes({ count, last }: LeftOut): string[] {
  return count === 0
    ? []
    : [`${plural(count, 'signal')} could not be read and had no effect, the last: ${last}`];
}
