/** Lengths of time as people and models write them. */
import ms, { type StringValue } from 'ms';

/** The longest that a timer of Node waits, in milliseconds; with more it is over at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds of words such as `90s` or `2 hours`; undefined where they say no length of time. */
export function millisOf(words: string): number | undefined {
  // Longer words, and none, are an error of the program's for the parser.
  const millis = words.length === 0 || words.length > 100 ? NaN : ms(words as StringValue);
  return Number.isFinite(millis) ? millis : undefined;
}
