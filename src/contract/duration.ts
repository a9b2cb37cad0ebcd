/** Parses durations as people and models write them. */
import ms, { type StringValue } from 'ms';

/** The longest delay of a Node timer, in milliseconds. A timer with a longer delay fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Milliseconds of a duration such as `90s` or `2 hours`; undefined when the text is no duration. A number without a
 * unit is none, because people and programs assume different units. Only 0 is the same in every unit.
 */
export function millisOf(words: string): number | undefined {
  const isBare = Number.isFinite(Number(words)) && Number(words) !== 0;
  // The parser throws for an empty text, and for one of more than 100 characters.
  const millis = isBare || words.length === 0 || words.length > 100 ? NaN : ms(words as StringValue);
  return Number.isFinite(millis) ? millis : undefined;
}
