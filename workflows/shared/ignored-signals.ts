/**
 * Signals that had no effect. Anybody may signal a workflow and a signal has no answer, so such signals are counted and
 * reported.
 */
import { oneLine, plural } from '../../src/contract/index.ts';

/** The signals without effect so far. */
export interface IgnoredSignals {
  readonly count: number;
  /** The name of the last such signal, and what was wrong with it. */
  readonly last: string;
}

export const NO_IGNORED_SIGNALS: IgnoredSignals = { count: 0, last: '' };

/** Counts one more: the signal `name`, and why it had no effect. */
export function countIgnoredSignal({ count }: IgnoredSignals, name: string, why: string): IgnoredSignals {
  return { count: count + 1, last: oneLine(`${name}: ${why}`, 200) };
}

/** The note for users about these signals; none if there were no such signals. */
export function ignoredSignalNotes({ count, last }: IgnoredSignals): string[] {
  return count === 0
    ? []
    : [`${plural(count, 'signal')} could not be read and had no effect; the last one: ${last}`];
}
