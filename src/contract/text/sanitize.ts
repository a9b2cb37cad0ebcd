/** Text of others, without what a terminal or a reader could be deceived by. Deterministic; used in workflows too. */
import { oneLine, stripControls } from './text.ts';

/** Everything that a reader may treat as the end of a line. */
const LINE_ENDS = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;
/** Invisible characters: zero-width and bidirectional characters, tags, variation selectors, lone surrogates. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cs}]/gu;

/** `text` without terminal control sequences and invisible characters; every line end becomes a newline. */
export function sanitize(text: string): string {
  return stripControls(text.replace(LINE_ENDS, '\n')).replace(UNSEEN, '');
}

/** `text` sanitized, as one line of at most `max` characters. */
export function sanitizedLine(text: string, max: number): string {
  return oneLine(sanitize(text), max);
}
