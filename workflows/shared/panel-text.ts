/** Markdown for the Web UI's panels, in which text of a model or a repository cannot become markup. */
import { oneLine, stripControls } from '../../src/contract/index.ts';

/** Characters of a line in a fence: the Web UI does not wrap lines there, and its panel is about this wide. */
const FENCE_WIDTH = 70;
/** Characters of one cell of a table. */
const CELL_CHARS = 120;
/** The Web UI cuts off the last 32 pixels of a panel, so each panel ends with an empty line. */
export const EMPTY_LINE = '\u00A0';

/** `text` in a code fence longer than any run of backticks inside it, without control sequences. */
export function codeBlock(text: string): string {
  const clean = stripControls(text);
  const longest = Math.max(2, ...(clean.match(/`+/g) ?? []).map((run) => run.length));
  const bars = '`'.repeat(longest + 1);
  return `${bars}text\n${wrap(clean)}\n${bars}`;
}

/** `text` as one inline code span that nothing inside can end. */
export function codeSpan(text: string, max = 200): string {
  return `\`${oneLine(text, max).replaceAll('`', 'ˋ')}\``;
}

/** `text` as a table cell. */
export const tableCell = (text: string): string => codeSpan(text.replaceAll('|', '/'), CELL_CHARS);

/** An ISO 8601 time, shown to the second. */
export const timeToSecond = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;

/** A status as the first word of a sentence. */
export const capitalized = (words: string): string =>
  words.charAt(0).toUpperCase() + words.slice(1).replaceAll('-', ' ');

/** `text` with long lines broken between words. */
function wrap(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(new RegExp(`(.{1,${FENCE_WIDTH}})(?: +|$)`, 'g'), '$1\n').trimEnd())
    .join('\n');
}
