/** A chain as text: a line for each step, below what it needs. */
import { oneLine, type StepView } from '../contract/index.ts';
import { depths, type Node } from './graph.ts';

/** What is drawn of a step. */
export type Drawn = Pick<StepView, 'id' | 'needs'> & Partial<Pick<StepView, 'status' | 'summary'>>;

const MARKS: Readonly<Record<string, string>> = {
  waiting: '·',
  live: '▶',
  done: '✓',
  skipped: '–',
};

/**
 * The graph, in the order in which steps can run: `✓ research`, and below it `└▶ implement`. A step that needs several names
 * them all.
 */
export function drawChain(
  steps: readonly Drawn[],
  options: { readonly ids?: readonly string[] } = {},
): string {
  const known = options.ids ?? steps.map(({ id }) => id);
  const nodes: Node[] = steps.map(({ id, needs }) => ({
    id,
    needs: needs.filter((need) => known.includes(need)),
  }));
  const depth = depths(nodes);
  const width = Math.max(...steps.map(({ id }) => (depth.get(id) ?? 0) * 2 + id.length));
  return steps
    .map((step, at) => ({ step, at, depth: depth.get(step.id) ?? 0 }))
    .sort((a, b) => a.depth - b.depth || a.at - b.at)
    .map(({ step, depth: deep }) => {
      const mark = step.status === undefined ? '' : `${MARKS[step.status] ?? '✗'} `;
      const branch = deep === 0 ? '' : `${'  '.repeat(deep - 1)}└ `;
      const needs = step.needs.length === 0 ? '' : `needs ${step.needs.join(', ')}`;
      const words = [step.status, needs, oneLine(step.summary ?? '', 100)].filter(Boolean).join(', ');
      const name = `${branch}${step.id}`.padEnd(width);
      return `${mark}${name}  ${words}`.trimEnd();
    })
    .join('\n');
}
