/** Text as data: sizes, bounds, and words of a model that must not be more than words. Deterministic; used in workflows too. */

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
export function plain(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(ESCAPES, '').replace(CONTROLS, '').replace(BIDI, '');
}

/** `text` as one plain line of at most `max` characters. */
export function oneLine(text: string, max: number): string {
  return head(plain(text).replace(/\s+/g, ' ').trim(), max);
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
