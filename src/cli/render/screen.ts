import stringWidth from 'string-width';
import { columnsOf, rowsOf } from '../output.ts';
import { cut } from './table.ts';

const ESC = '\u001B';
/**
 * The other screen of the terminal, without a cursor and without automatic line breaks: a line that was made for a wider terminal, or
 * that this terminal takes for wider, ends at the margin and does not move those below it. And back, as it was.
 */
const ENTER = `${ESC}[?1049h${ESC}[?25l${ESC}[?7l`;
const LEAVE = `${ESC}[?7h${ESC}[?25h${ESC}[?1049l`;
/** A terminal that knows it shows all that is between at once. */
const BEGIN_FRAME = `${ESC}[?2026h`;
const END_FRAME = `${ESC}[?2026l`;
const HOME = `${ESC}[H`;
const CLEAR_LINE_END = `${ESC}[K`;
const CLEAR_BELOW = `${ESC}[J`;

/**
 * The whole terminal, redrawn in place: each frame overwrites the one before without clearing first, so nothing flickers, and what
 * was on the terminal before is back when it is disposed of.
 */
export class Screen implements Disposable {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.write(ENTER);
  }

  /** Shows `lines` from the top, as many as there is room for, each as far as there is room for it. */
  draw(lines: readonly string[]): void {
    const [columns, rows] = [columnsOf(this.#stream), rowsOf(this.#stream)];
    const shown = lines.slice(0, rows).map((line) => cut(line, columns));
    // At the margin the cursor stands on the last character of a full line, and would clear it.
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
