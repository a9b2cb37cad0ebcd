/** Measures, cuts and sanitizes text that may come from a model. Deterministic; used in workflows too. */

import { MAX_DETAILS_BYTES, MAX_TITLE_BYTES } from '../limits.ts';

/**
 * Length of `text` in bytes of UTF-8. Iterates over code units: workflows measure megabytes, and characters take ten
 * times longer.
 */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // A surrogate pair has four bytes: its two code units, already counted, and two more.
    const isPair = isHigh(code) && isLow(text.charCodeAt(at + 1));
    if (isPair) at++;
    bytes += isPair || code >= 0x800 ? 2 : 1;
  }
  return bytes;
}
const isHigh = (code: number): boolean => code >= 0xd800 && code < 0xdc00;
const isLow = (code: number): boolean => code >= 0xdc00 && code < 0xe000;

/** The beginning of `text`, at most `max` characters. Ends in an ellipsis if something was cut. */
export function head(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** The beginning of `text`, at most `max` bytes of UTF-8. Ends in an ellipsis if something was cut. */
export function headBytes(text: string, max: number): string {
  // A code unit has at most three bytes.
  if (text.length * 3 <= max || byteLength(text) <= max) return text;
  let end = Math.min(text.length, max);
  for (let over = byteLength(text.slice(0, end)) + ELLIPSIS_BYTES - max; over > 0 && end > 0;) {
    end -= Math.ceil(over / 3);
    over = byteLength(text.slice(0, end)) + ELLIPSIS_BYTES - max;
  }
  return `${text.slice(0, Math.max(0, end)).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
const ELLIPSIS_BYTES = 3;

/**
 * The beginning of `text` whose JSON has at most `max` bytes. Escaped quotes and line ends have two, control characters
 * six.
 */
export function headJson(text: string, max: number): string {
  for (let bytes = max; ; bytes = Math.floor(bytes * 0.8)) {
    const fit = headBytes(text, bytes);
    if (byteLength(JSON.stringify(fit)) <= max || bytes < 8) return fit;
  }
}

/** `text` as the summary of a workflow, an activity or a timer: one plain line, cut to what the server accepts. */
export const titleOf = (text: string): string => headJson(oneLine(text, MAX_TITLE_BYTES), MAX_TITLE_BYTES);

/** `text` as the details of a workflow, cut to what the server accepts. */
export const detailsOf = (text: string): string => headJson(text, MAX_DETAILS_BYTES);

/** The end of `text`, at most `max` characters. Begins with an ellipsis if something was cut. */
export function tail(text: string, max: number): string {
  return text.length <= max ? text : `…${text.slice(text.length - max + 1).replace(/^[\uDC00-\uDFFF]/, '')}`;
}

// ESC sequences, then every other control character but tab and newline, then bidirectional marks. The text inside a
// sequence such as a title (OSC) stays: removing it would hide it from a reader, and the writer chooses where such a
// sequence ends.
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;
const BIDI = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

/**
 * Removes terminal control sequences, control characters (but not tab and newline) and bidirectional marks from `text`.
 */
export function stripControls(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(ESCAPES, '').replace(CONTROLS, '').replace(BIDI, '');
}

/** `text` as one plain line of at most `max` characters. */
export function oneLine(text: string, max: number): string {
  return head(stripControls(text).replace(/\s+/g, ' ').trim(), max);
}

// Characters that JSON does not escape, but that a terminal, an editor or a line reader interprets.
const LIVE_IN_JSON = /[\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/g;

/** JSON on one line, with every control character escaped. Parsing it gives the same value. */
export function jsonLine(value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  return JSON.stringify(value, replacer).replace(
    LIVE_IN_JSON,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
