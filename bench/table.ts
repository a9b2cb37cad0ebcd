/** Prints the figures as tables for people. */
import Table from 'cli-table3';
import { HOP_PREFIX, type Figure } from './figure.ts';

const PLAIN = { style: { head: [], border: [] } };

export function tables(figures: readonly Figure[]): string {
  const hops = figures.filter(({ name }) => name.startsWith(HOP_PREFIX));
  const others = figures.filter((each) => !hops.includes(each));
  return [others.length > 0 && figureTable(others), hops.length > 0 && hopTable(hops)]
    .filter(Boolean)
    .join('\n\n');
}

function figureTable(figures: readonly Figure[]): string {
  const table = new Table({
    head: ['figure', 'value', 'goal', 'copilot -p', 'share'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    ...PLAIN,
  });
  for (const { name, unit, value, goal, peer } of figures) {
    const met = goal === undefined ? '' : `≤ ${goal} ${unit}${value <= goal ? '' : ' (missed)'}`;
    table.push([
      name,
      `${value} ${unit}`,
      met,
      peer === undefined ? '' : `${peer} ${unit}`,
      peer === undefined ? '' : (value / peer).toFixed(2),
    ]);
  }
  return table.toString();
}

function hopTable(hops: readonly Figure[]): string {
  const table = new Table({
    head: ['where the time of one subagent goes', 'ms', 'since spawn'],
    colAligns: ['left', 'right', 'right'],
    ...PLAIN,
  });
  let sum = 0;
  for (const { name, value } of hops) {
    sum += value;
    table.push([name.slice(HOP_PREFIX.length), value.toFixed(1), sum.toFixed(1)]);
  }
  return table.toString();
}
