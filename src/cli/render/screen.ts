import stringWidth from 'string-width';
import { columnsOf, rowsOf } from '../output.ts';
import { cut } from './table.ts';

const ESC = '\u001B';
/**
 * Switches to the terminal's alternate screen, without cursor and automatic line breaks, and back. Without line breaks,
 * a line that is too wide (made for a wider terminal, or measured differently by this one) ends at the margin and does
 * not move the lines below.
 */
const ENTER = `${ESC}[?1049h${ESC}[?25l${ESC}[?7l`;
const LEAVE = `${ESC}[?7h${ESC}[?25h${ESC}[?1049l`;
/** Synchronized output: a terminal that supports it shows everything between these two at once. */
const BEGIN_FRAME = `${ESC}[?2026h`;
const END_FRAME = `${ESC}[?2026l`;
const HOME = `${ESC}[H`;
const CLEAR_LINE_END = `${ESC}[K`;
const CLEAR_BELOW = `${ESC}[J`;

/**
 * The whole terminal, redrawn in place. Each frame overwrites the previous one without clearing first, so nothing
 * flickers. Disposing restores the previous content of the terminal.
 */
export class Screen implements Disposable {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.write(ENTER);
  }

  /** Shows `lines` from the top, cut to the size of the terminal. */
  draw(lines: readonly string[]): void {
    const [columns, rows] = [columnsOf(this.#stream), rowsOf(this.#stream)];
    const shown = lines.slice(0, rows).map((line) => cut(line, columns));
    // After a full line the cursor is still on its last character, so clearing to the line's end would remove that.
    const text = shown
      .map((line) => (stringWidth(line) < columns ? `${line}${CLEAR_LINE_END}` : line))
      .join('\r\n');
    const rest = shown.length < rows ? `\r\n${CLEAR_BELOW}` : '';
    this.#stream.write(`${BEGIN_FRAME}${HOME}${text}${rest}${END_FRAME}`);
  }

  [Symbol.dispose](): void {
    this.#stream.write(LEAVE);
  }
}
