/** A picture of a terminal as it stands: SVG, drawn from the emulated screen. */
import type { IBufferCell, Terminal } from '@xterm/headless';

const CELL = { width: 8.4, height: 18 };
const MARGIN = 16;
const FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';
const BACKGROUND = '#0d1117';
const FOREGROUND = '#d0d7de';
/** The sixteen colours that a terminal chooses itself. */
const PALETTE = [
  ...['#484f58', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#b1bac4'],
  ...['#6e7681', '#ffa198', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#f0f6fc'],
];

interface Run {
  readonly column: number;
  text: string;
  width: number;
  readonly style: string;
  readonly background: string | undefined;
}

/** What is on the screen, from the first to the last line that has something on it. */
export function pictureOf(terminal: Terminal): string {
  const rows = Array.from({ length: terminal.rows }, (_, row) => runsOf(terminal, row));
  const last = rows.findLastIndex((runs) => runs.length > 0);
  const width = terminal.cols * CELL.width + 2 * MARGIN;
  const height = (last + 1) * CELL.height + 2 * MARGIN;
  const drawn = rows.slice(0, last + 1).flatMap((runs, row) => runs.map((run) => draw(run, row)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" font-family='${FONT}' font-size="14">`,
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

/** Cells of one style side by side are drawn together; blank ones without a background are not drawn. */
function runsOf(terminal: Terminal, row: number): Run[] {
  const buffer = terminal.buffer.active;
  const line = buffer.getLine(buffer.viewportY + row);
  const runs: Run[] = [];
  let open: Run | undefined;
  for (let column = 0; column < terminal.cols; column++) {
    const cell = line?.getCell(column);
    if (cell === undefined || cell.getWidth() === 0) continue;
    const text = cell.getChars() || ' ';
    const { style, background } = styleOf(cell);
    if (open?.style !== style || open.background !== background) {
      open = { column, text: '', width: 0, style, background };
      runs.push(open);
    }
    open.text += text;
    open.width += cell.getWidth();
  }
  return runs.filter(({ text, background }) => text.trim() !== '' || background !== undefined);
}

function styleOf(cell: IBufferCell): { style: string; background: string | undefined } {
  const own = colorOf(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor());
  const behind = colorOf(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor());
  const isInverse = cell.isInverse() !== 0;
  const color = (isInverse ? (behind ?? BACKGROUND) : own) ?? FOREGROUND;
  const background = isInverse ? (own ?? FOREGROUND) : behind;
  const style = [
    `fill="${color}"`,
    ...(cell.isBold() ? ['font-weight="bold"'] : []),
    ...(cell.isItalic() ? ['font-style="italic"'] : []),
    ...(cell.isDim() ? ['opacity="0.6"'] : []),
  ].join(' ');
  return { style, background };
}

function colorOf(isDefault: boolean, isRgb: boolean, value: number): string | undefined {
  if (isDefault) return undefined;
  if (isRgb) return `#${value.toString(16).padStart(6, '0')}`;
  if (value < 16) return PALETTE[value];
  if (value >= 232) return gray(8 + 10 * (value - 232));
  const levels = [0, 95, 135, 175, 215, 255];
  const index = value - 16;
  const parts = [Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6].map(
    (part) => levels[part] ?? 0,
  );
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}
const gray = (level: number): string => `#${level.toString(16).padStart(2, '0').repeat(3)}`;

function draw({ column, text, width, style, background }: Run, row: number): string {
  const x = round(MARGIN + column * CELL.width);
  const y = MARGIN + row * CELL.height;
  const length = round(width * CELL.width);
  const behind =
    background === undefined
      ? ''
      : `<rect x="${x}" y="${y}" width="${length}" height="${CELL.height}" fill="${background}"/>`;
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  return `${behind}<text x="${x}" y="${y + 13}" textLength="${length}" lengthAdjust="spacingAndGlyphs" xml:space="preserve" ${style}>${escaped}</text>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
