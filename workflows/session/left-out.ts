/**
 * Signals that had no effect. Anybody may signal a workflow and a signal has no answer, so such signals are counted and
 * reported.
 */
import { oneLine, plural } from '../../src/contract/index.ts';

/** The signals without effect so far. */
export interface LeftOut {
  readonly count: number;
  /** The name of the last such signal, and what was wrong with it. */
  readonly last: string;
}

export const NONE_LEFT_OUT: LeftOut = { count: 0, last: '' };

/** Counts one more: the signal `name`, and why it had no effect. */
export function countLeftOut({ count }: LeftOut, name: string, why: string): LeftOut {
  return { count: count + 1, last: oneLine(`${name}: ${why}`, 200) };
}

/** The note for users about these signals; none if there were no such signals. */
export function leftOutNotes({ count, last }: LeftOut): string[] {
  return count === 0
    ? []
    : [`${plural(count, 'signal')} could not be read and had no effect, the last: ${last}`];
}
