/** Counts and durations as text for people and models, and durations as they write them. */
import ms, { type StringValue } from 'ms';
import type { Usage } from '../reports/types.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A short form of a count of tokens: `840`, `12.4k`, `1.3M`. */
export function tokensText(count: number): string {
  if (count < 1_000) return String(count);
  if (count < 1_000_000) return `${(count / 1_000).toFixed(count < 100_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

/** Usage of model calls as text. */
export function usageText(usage: Usage): string {
  const { inputTokens, cachedTokens, outputTokens, modelRequests, toolCalls } = usage;
  return (
    `${tokensText(inputTokens)} tokens in (${tokensText(cachedTokens)} cached), ${tokensText(outputTokens)} out, ` +
    `${plural(modelRequests, 'model request')}, ${plural(toolCalls, 'tool call')}`
  );
}

/** A count with its noun: `1 commit`, `2 commits`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}

/** A duration in milliseconds as text: `340ms`, `6.2s`, `2m 05s`, `3h 20m`, `4d 2h`. */
export function durationText(millis: number): string {
  const value = Math.max(0, millis);
  const two = (count: number) => String(count).padStart(2, '0');
  if (value < SECOND) return `${Math.round(value)}ms`;
  if (value < 10 * SECOND) return `${(value / SECOND).toFixed(1)}s`;
  if (value < MINUTE) return `${Math.floor(value / SECOND)}s`;
  if (value < HOUR) return `${Math.floor(value / MINUTE)}m ${two(Math.floor((value % MINUTE) / SECOND))}s`;
  if (value < DAY) return `${Math.floor(value / HOUR)}h ${two(Math.floor((value % HOUR) / MINUTE))}m`;
  return `${Math.floor(value / DAY)}d ${Math.floor((value % DAY) / HOUR)}h`;
}

/** The longest delay of a Node timer, in milliseconds. A timer with a longer delay fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Milliseconds of a duration such as `90s` or `2 hours`; undefined when the text is no duration. A number without a
 * unit is none, because people and programs assume different units. Only 0 is the same in every unit.
 */
export function parseDuration(words: string): number | undefined {
  const isBare = Number.isFinite(Number(words)) && Number(words) !== 0;
  // The parser throws for an empty text, and for one of more than 100 characters.
  const millis = isBare || words.length === 0 || words.length > 100 ? NaN : ms(words as StringValue);
  return Number.isFinite(millis) ? millis : undefined;
}
