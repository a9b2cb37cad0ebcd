/** Prints a chaos report for people. */
import Table from 'cli-table3';
import type { Report } from './report.ts';

const PLAIN = {
  style: { head: [], border: [] },
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
};
/** Losses that are printed; the rest are only counted. */
const MAX_LOSSES = 50;

export function tableOf({
  rows,
  strikes,
  losses,
  errors,
  seed,
  subagents,
  workers,
  durationMs,
  folder,
}: Report): string {
  const table = new Table({
    head: ['what', 'expected', 'got', 'lost'],
    colAligns: ['left', 'right', 'right', 'right'],
    ...PLAIN,
  });
  for (const { name, expected, got, lost, unit } of rows)
    table.push([name, expected ?? '', unit === undefined ? got : `${got} ${unit}`, lost === 0 ? '' : lost]);
  const hits = strikes.filter(({ hit }) => hit);
  const kinds = new Map<string, number>();
  for (const { part, way } of hits) kinds.set(`${part} ${way}`, (kinds.get(`${part} ${way}`) ?? 0) + 1);
  const counted = (counts: Iterable<[string, number]>): string =>
    [...counts]
      .map(([name, count]) => `${name} ${count}`)
      .sort()
      .join(', ') || 'none';
  return [
    table.toString(),
    `${subagents} subagents on ${workers} workers in ${Math.round(durationMs / 1_000)} s, seed ${seed}`,
    `${hits.length} of ${strikes.length} strikes hit: ${counted(kinds)}`,
    `errors of calls that were tried again: ${counted(Object.entries(errors))}`,
    ...losses
      .slice(0, MAX_LOSSES)
      .map(({ check, label, what, where }) =>
        [`LOST (${check})`, label, what, where === undefined ? '' : `[${where}]`].filter(Boolean).join(' '),
      ),
    ...(losses.length > MAX_LOSSES ? [`… and ${losses.length - MAX_LOSSES} more`] : []),
    losses.length === 0 ? 'Nothing was lost.' : `${losses.length} losses with seed ${seed}.`,
    ...(folder === undefined ? [] : [`What the run left is in ${folder}`]),
  ].join('\n');
}
