/** Markdown of the Web UI's panels, in which words of a model or a repository can be no more than words. */
import { oneLine, stripControls } from '../../src/contract/index.ts';

/** Characters of a line in a fence: the Web UI does not wrap there, and its panel holds a slot for about so many. */
const FENCE_WIDTH = 70;
/** Characters of one cell of a table. */
const CELL_CHARS = 120;
/** The Web UI cuts the last 32 pixels of a panel off: they are those of an empty line. */
export const EMPTY_LINE = '\u00A0';

/** `text` in a code fence longer than any run of backticks inside it, without control sequences. */
export function fence(text: string): string {
  const clean = stripControls(text);
  const longest = Math.max(2, ...(clean.match(/`+/g) ?? []).map((run) => run.length));
  const bars = '`'.repeat(longest + 1);
  return `${bars}text\n${wrap(clean)}\n${bars}`;
}

/** `text` as one inline code span that nothing inside can end. */
export function code(text: string, max = 200): string {
  return `\`${oneLine(text, max).replaceAll('`', 'ˋ')}\``;
}

/** `text` as a cell of a table. */
export const cell = (text: string): string => code(text.replaceAll('|', '/'), CELL_CHARS);

/** An ISO 8601 time, to the second. */
export const moment = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;

/** A status, as a sentence begins with it. */
export const capital = (words: string): string =>
  words.charAt(0).toUpperCase() + words.slice(1).replaceAll('-', ' ');

/** `text` with its long lines broken between words. */
function wrap(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(new RegExp(`(.{1,${FENCE_WIDTH}})(?: +|$)`, 'g'), '$1\n').trimEnd())
    .join('\n');
}
