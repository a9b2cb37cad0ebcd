/** Scrolls a table that is larger than the terminal: the rows move, the lines above and below them stay. */
import type { Colors } from '../output.ts';
import { cut } from './table.ts';

/** A scroll position: the index of the first visible row, and the number of rows that fit. */
export interface Scroll {
  readonly first: number;
  readonly page: number;
}

/** Number of rows that stay visible whatever is above and below them, if the terminal has so many lines. */
const MIN_ROWS = 3;
/** Number of lines at the bottom: an empty line, and the help on keys. */
const FOOT = 2;
const KEYS = 'arrows and page up/down scroll; q quits';

/** The position after a key. `scrolled` corrects a position outside the rows. */
export function scrollBy({ first, page }: Scroll, key: string): Scroll {
  const to: Readonly<Record<string, number>> = {
    up: first - 1,
    k: first - 1,
    down: first + 1,
    j: first + 1,
    pageup: first - page,
    pagedown: first + page,
    space: first + page,
    home: 0,
    end: Number.MAX_SAFE_INTEGER,
  };
  return { first: Object.hasOwn(to, key) ? (to[key] ?? first) : first, page };
}

/**
 * The lines of one screen, cut to its width, and the corrected position. If the lines below the rows have no room, they
 * scroll with the rows. On a very low terminal, only the last line above the rows stays, and finally only the rows.
 */
export function scrolled(
  parts: {
    readonly top: readonly string[];
    readonly rows: readonly string[];
    readonly bottom: readonly string[];
  },
  { first }: Scroll,
  { height, width, colors }: { readonly height: number; readonly width: number; readonly colors: Colors },
): { readonly lines: string[]; readonly scroll: Scroll } {
  const isLow = height < parts.top.length + MIN_ROWS + FOOT;
  const top = isLow ? parts.top.slice(-1).slice(0, height - 1) : parts.top;
  const foot = isLow && height < top.length + MIN_ROWS + FOOT ? 0 : FOOT;
  const hasRoom = height >= top.length + MIN_ROWS + parts.bottom.length + foot;
  const [rows, bottom] = hasRoom ? [parts.rows, parts.bottom] : [[...parts.rows, ...parts.bottom], []];
  const page = Math.max(1, height - top.length - bottom.length - foot);
  const from = Math.min(Math.max(0, first), Math.max(0, rows.length - page));
  const shown = rows.slice(from, from + page);
  const isPart = shown.length < rows.length;
  const place = isPart ? `rows ${from + 1} to ${from + shown.length} of ${rows.length}; ` : '';
  const lines = [...top, ...shown, ...bottom, ...(foot > 0 ? ['', colors.dim(place + KEYS)] : [])];
  return { lines: lines.map((line) => cut(line, width)), scroll: { first: from, page } };
}
