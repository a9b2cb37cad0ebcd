/** Lengths of time as people and models write them. */
import ms, { type StringValue } from 'ms';

/** The longest that a timer of Node waits, in milliseconds; with more it is over at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Milliseconds of words such as `90s` or `2 hours`; undefined where they say no length of time. A bare number says none: of
 * what it is a number, people and models take to be one thing and programs another. Only of nothing there is as much in every unit.
 */
export function millisOf(words: string): number | undefined {
  const isBare = Number.isFinite(Number(words)) && Number(words) !== 0;
  // Longer words, and none, are an error of the program's for the parser.
  const millis = isBare || words.length === 0 || words.length > 100 ? NaN : ms(words as StringValue);
  return Number.isFinite(millis) ? millis : undefined;
}
