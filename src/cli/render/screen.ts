import { rowsOf } from '../output.ts';

const ESC = '\u001B';
/** The other screen of the terminal, without a cursor; and back, as it was. */
const ENTER = `${ESC}[?1049h${ESC}[?25l`;
const LEAVE = `${ESC}[?25h${ESC}[?1049l`;
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

  /** Shows `lines` from the top, as many as there is room for. None may be wider than the terminal. */
  draw(lines: readonly string[]): void {
    const text = lines
      .slice(0, rowsOf(this.#stream))
      .map((line) => `${line}${CLEAR_LINE_END}`)
      .join('\r\n');
    this.#stream.write(`${BEGIN_FRAME}${HOME}${text}${CLEAR_BELOW}${END_FRAME}`);
  }

  [Symbol.dispose](): void {
    this.#stream.write(LEAVE);
  }
}
