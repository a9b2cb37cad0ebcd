import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { scrollBy, scrolled, type Scroll } from '../../src/cli/render/scroll.ts';

const rows = Array.from({ length: 50 }, (_, n) => `row ${n}`);
const parts = { top: ['server', '', 'TITLES'], rows, bottom: ['', '! a note'] };
const size = { height: 17, width: 60, colors: pc.createColors(false) };
const begin: Scroll = { first: 0, page: 1 };

/** The screen after these keys, each of which is drawn. */
function after(...keys: string[]): string[] {
  let drawn = scrolled(parts, begin, size);
  for (const key of keys) drawn = scrolled(parts, scrollBy(drawn.scroll, key), size);
  return drawn.lines;
}
const shown = (lines: string[]): string[] => lines.filter((line) => line.startsWith('row '));

it('a terminal that does not know its size is taken for one of 80 by 24', () => {
  const stream = { isTTY: true, columns: 0, rows: 0 } as NodeJS.WriteStream;
  const { width, height } = new Output({ json: false, color: false, env: {} }, stream, stream);
  expect([width, height]).toEqual([80, 24]);
});

describe('a table that is longer than the terminal', () => {
  it('keeps what is above and below its rows, and says which are shown', () => {
    const lines = after();
    expect(lines).toHaveLength(size.height);
    expect(lines.slice(0, 4)).toEqual(['server', '', 'TITLES', 'row 0']);
    expect(lines.slice(-4)).toEqual([
      '',
      '! a note',
      '',
      'rows 1 to 10 of 50; arrows and page up/down scroll; q quits',
    ]);
  });

  it('scrolls by row and by page, to both ends and not beyond', () => {
    expect(shown(after('down', 'down'))[0]).toBe('row 2');
    expect(shown(after('pagedown', 'up'))[0]).toBe('row 9');
    expect(shown(after('end')).at(-1)).toBe('row 49');
    expect(shown(after('end', 'down', 'up'))[0]).toBe('row 39');
    expect(shown(after('end', 'home', 'up'))[0]).toBe('row 0');
    expect(shown(after('x', 'constructor'))[0]).toBe('row 0');
  });

  it('cuts no note: where there is no room for them, they scroll', () => {
    const notes = Array.from({ length: 9 }, (_, n) => `note ${n}`);
    const small = { ...size, height: 10, width: 40 };
    const seen = new Set<string>();
    let drawn = scrolled({ ...parts, bottom: notes }, begin, small);
    for (let page = 0; page < 20; page++) {
      expect(drawn.lines.length).toBeLessThanOrEqual(small.height);
      expect(drawn.lines[2]).toBe('TITLES');
      for (const line of drawn.lines) seen.add(line);
      drawn = scrolled({ ...parts, bottom: notes }, scrollBy(drawn.scroll, 'pagedown'), small);
    }
    for (const line of [...rows, ...notes]) expect(seen).toContain(line);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('of %i lines shows every row and every note', (height) => {
    const low = { ...size, height };
    const seen = new Set<string>();
    let drawn = scrolled(parts, begin, low);
    for (let press = 0; press < rows.length + 2; press++) {
      expect(drawn.lines.length).toBeLessThanOrEqual(height);
      for (const line of drawn.lines) seen.add(line);
      drawn = scrolled(parts, scrollBy(drawn.scroll, 'down'), low);
    }
    for (const line of [...rows, '! a note']) expect(seen).toContain(line);
  });

  it('stays where it is when rows go', () => {
    const { scroll } = scrolled(parts, { first: 40, page: 10 }, size);
    expect(scrolled({ ...parts, rows: rows.slice(0, 3) }, scroll, size).scroll.first).toBe(0);
  });

  it('shows all of a short one, and nothing of places', () => {
    const { lines } = scrolled({ ...parts, rows: rows.slice(0, 3) }, begin, size);
    expect(shown(lines)).toHaveLength(3);
    expect(lines.at(-1)).toMatch(/^arrows/);
  });
});
