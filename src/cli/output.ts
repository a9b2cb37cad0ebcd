import picocolors from 'picocolors';
import { jsonLine } from '../contract/text/text.ts';

/** Styles. Without colour, each returns its text unchanged. */
export type Colors = ReturnType<typeof picocolors.createColors>;

/** The inputs of the decision about colour. */
export interface ColorChoice {
  /** `--no-color` was not given. */
  readonly color: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Whether `stream` gets colour: on a terminal that supports it, without `--no-color` and `NO_COLOR`
 * (https://no-color.org).
 */
export function wantsColor(stream: { readonly isTTY?: boolean }, choice: ColorChoice): boolean {
  const { env } = choice;
  if (!choice.color || (env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

type Size = Pick<NodeJS.WriteStream, 'columns' | 'rows'>;
/**
 * Columns and rows of a terminal. A terminal that does not know its size, for example over a serial line, reports 0.
 */
export const columnsOf = ({ columns }: Size): number => columns || 80;
export const rowsOf = ({ rows }: Size): number => rows || 24;

/**
 * The output of a command. Results go to stdout: for people with `line`, for programs with `data`. Advice and progress
 * go to stderr with `note`, so that a pipe contains only results.
 */
export class Output {
  /** `--json`: `data` prints, `line` and `note` are silent. */
  readonly json: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  /** Styles for `line`. */
  readonly colors: Colors;
  /** Styles for `note`. */
  readonly noteColors: Colors;

  constructor(
    choice: ColorChoice & { readonly json: boolean },
    out: NodeJS.WriteStream = process.stdout,
    err: NodeJS.WriteStream = process.stderr,
  ) {
    this.json = choice.json;
    this.#out = out;
    this.#err = err;
    this.colors = picocolors.createColors(wantsColor(out, choice));
    this.noteColors = picocolors.createColors(wantsColor(err, choice));
  }

  /** Whether stdout is a terminal, and the output is for people. */
  get interactive(): boolean {
    return this.#out.isTTY && !this.json;
  }

  /** Whether stderr is a terminal on which progress may be redrawn. */
  get progressive(): boolean {
    return this.#err.isTTY && !this.json;
  }

  /** Columns of the terminal; infinite without a terminal, so that nothing is cut. */
  get width(): number {
    return this.#out.isTTY ? columnsOf(this.#out) : Number.POSITIVE_INFINITY;
  }

  /** Lines of the terminal. */
  get height(): number {
    return rowsOf(this.#out);
  }

  /** For people, on stdout. */
  line(text = ''): void {
    if (!this.json) this.#out.write(`${text}\n`);
  }

  /** For people, on stdout: a titled value. */
  fact(title: string, value: string): void {
    this.line(`  ${this.colors.dim(title.padEnd(10))} ${value}`);
  }

  /** For programs, on stdout: one JSON object on one line. */
  data(value: object): void {
    if (this.json) this.#out.write(`${jsonLine(value)}\n`);
  }

  /** For people, on stderr: advice and progress. */
  note(text: string): void {
    if (!this.json) this.#err.write(`${text}\n`);
  }
}
