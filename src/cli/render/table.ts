import sliceAnsi from 'slice-ansi';
import stringWidth from 'string-width';
import type { Colors } from '../output.ts';

/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** The cell: one line, free of control sequences but for colour. */
  readonly cell: (row: Row) => string;
  /** Shrinks first when the terminal is narrow. */
  readonly flexible?: boolean;
  /** Cut long cells in the middle, because their ends tell rows apart. */
  readonly cutMiddle?: boolean;
  /** The column is omitted on terminals with fewer columns than this. */
  readonly from?: number;
}

const GAP = 2;
const NARROWEST = 8;

/**
 * Rows under their titles, without borders. Each is one line of at most `width` columns; if infinite, nothing is cut.
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number,
  colors: Colors,
): string {
  const shown = columns.filter((column) => width >= (column.from ?? 0));
  const cells = rows.map((row) => shown.map((column) => column.cell(row)));
  const natural = shown.map((column, index) =>
    Math.max(stringWidth(column.title), ...cells.map((row) => stringWidth(row[index] ?? ''))),
  );
  const widths = fit(natural, shown, width);
  const line = (texts: readonly string[]): string => {
    const padded = texts.map((text, index) => {
      const columns = widths[index] ?? 0;
      const cell = shown[index]?.cutMiddle === true ? withoutMiddle(text, columns) : cut(text, columns);
      return cell + ' '.repeat(Math.max(0, columns - stringWidth(cell)));
    });
    return cut(padded.join(' '.repeat(GAP)).trimEnd(), width);
  };
  return [line(shown.map((column) => colors.dim(column.title))), ...cells.map(line)].join('\n');
}

/**
 * The beginning of `text`, which may have colour, in at most `width` columns. Ends in an ellipsis if something was cut.
 */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  // The two libraries measure some sequences of emoji differently, so the result is measured again.
  for (let end = width - 1; end > 0; end--) {
    const part = sliceAnsi(text, 0, end);
    if (stringWidth(part) < width) return `${part}…`;
  }
  return width < 1 ? '' : '…';
}

/** `text` in at most `width` columns: one third from its beginning, and two thirds from its end. */
function withoutMiddle(text: string, width: number): string {
  const own = stringWidth(text);
  if (own <= width) return text;
  const begin = Math.floor((width - 1) / 3);
  return cut(`${sliceAnsi(text, 0, begin)}…${sliceAnsi(text, own - (width - 1 - begin))}`, width);
}

/**
 * The width of each column. If the natural widths do not fit, each inflexible column gets at most a third of the width;
 * then flexible columns shrink first, and after them the widest ones.
 */
function fit(natural: readonly number[], columns: readonly Column<never>[], width: number): number[] {
  const isTooWide = sum(natural) + GAP * (natural.length - 1) > width;
  const most = Math.max(NARROWEST, Math.floor(width / 3));
  const widths = natural.map((own, index) =>
    isTooWide && columns[index]?.flexible !== true ? Math.min(own, most) : own,
  );
  let excess = sum(widths) + GAP * (widths.length - 1) - width;
  const order = [...widths.keys()].sort(
    (a, b) =>
      Number(columns[b]?.flexible ?? false) - Number(columns[a]?.flexible ?? false) ||
      (widths[b] ?? 0) - (widths[a] ?? 0),
  );
  for (const index of order) {
    if (excess <= 0) break;
    const own = widths[index] ?? 0;
    const reduction = Math.min(excess, Math.max(0, own - NARROWEST));
    widths[index] = own - reduction;
    excess -= reduction;
  }
  return widths;
}

const sum = (widths: readonly number[]): number => widths.reduce((total, each) => total + each, 0);
