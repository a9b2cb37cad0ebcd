/** Text as data: sizes, bounds, and words of a model that must not be more than words. Deterministic; used in workflows too. */

import { MAX_DETAILS_BYTES, MAX_TITLE_BYTES } from './limits.ts';

/** Bytes of `text` in UTF-8. By code units, since it is asked of megabytes in workflows: taking characters out is ten times slower. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // A pair of surrogates is four bytes: as many as two characters below 0x800.
    const isPair = isHigh(code) && isLow(text.charCodeAt(at + 1));
    if (isPair) at++;
    bytes += isPair || code >= 0x800 ? 2 : 1;
  }
  return bytes;
}
const isHigh = (code: number): boolean => code >= 0xd800 && code < 0xdc00;
const isLow = (code: number): boolean => code >= 0xdc00 && code < 0xe000;

/** The beginning of `text`, at most `max` characters, with an ellipsis where something was cut. */
export function head(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** The beginning of `text`, at most `max` bytes of UTF-8, with an ellipsis where something was cut. */
export function headBytes(text: string, max: number): string {
  // A code unit is at most three bytes.
  if (text.length * 3 <= max || byteLength(text) <= max) return text;
  let end = Math.min(text.length, max);
  for (let over = byteLength(text.slice(0, end)) + ELLIPSIS_BYTES - max; over > 0 && end > 0;) {
    end -= Math.ceil(over / 3);
    over = byteLength(text.slice(0, end)) + ELLIPSIS_BYTES - max;
  }
  return `${text.slice(0, Math.max(0, end)).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
const ELLIPSIS_BYTES = 3;

/** The beginning of `text` whose JSON is at most `max` bytes: quotes and line ends take two, and control characters six. */
export function headJson(text: string, max: number): string {
  for (let bytes = max; ; bytes = Math.floor(bytes * 0.8)) {
    const fit = headBytes(text, bytes);
    if (byteLength(JSON.stringify(fit)) <= max || bytes < 8) return fit;
  }
}

/** `text` as the summary of a workflow, an activity or a timer: one plain line, with as much of it as the server takes. */
export const titleOf = (text: string): string => headJson(oneLine(text, MAX_TITLE_BYTES), MAX_TITLE_BYTES);

/** `text` as the details of a workflow, with as much of it as the server takes. */
export const detailsOf = (text: string): string => headJson(text, MAX_DETAILS_BYTES);

/** The end of `text`, at most `max` characters, with an ellipsis where something was cut. */
export function tail(text: string, max: number): string {
  return text.length <= max ? text : `…${text.slice(text.length - max + 1).replace(/^[\uDC00-\uDFFF]/, '')}`;
}

// ESC sequences, then every other control character but tab and newline, then bidirectional marks. Of those that carry text, such
// as a title (OSC), the text stays: what it says would else be hidden from a reader, and where it ends is the writer's choice.
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;
const BIDI = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

/** `text` without terminal control sequences, control characters (but tab and newline) and bidirectional marks. */
export function stripControls(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(ESCAPES, '').replace(CONTROLS, '').replace(BIDI, '');
}

/** `text` as one plain line of at most `max` characters. */
export function oneLine(text: string, max: number): string {
  return head(stripControls(text).replace(/\s+/g, ' ').trim(), max);
}

// What JSON leaves as it is, and a terminal, an editor or a reader of lines takes for more than a character.
const LIVE_IN_JSON = /[\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/g;

/** JSON on one line, in which no control character stands as itself, whatever is in the value; it is read back the same. */
export function jsonLine(value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  return JSON.stringify(value, replacer).replace(
    LIVE_IN_JSON,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
