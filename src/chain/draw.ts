/** A chain as text: a line for each step, below what it needs. */
import { oneLine, type StepView } from '../contract/index.ts';
import { depths, type Node } from './graph.ts';

/** What is drawn of a step. */
export type Drawn = Pick<StepView, 'id' | 'needs'> & Partial<Pick<StepView, 'step' | 'status' | 'summary'>>;

const MARKS: Readonly<Record<string, string>> = {
  waiting: '·',
  live: '▶',
  done: '✓',
  skipped: '–',
};

/**
 * The graph, in the order in which steps can run: `✓ research`, and below it `└▶ implement`. A step that needs several names
 * them all; the subagents of a `forEach` lie where their step does.
 */
export function drawChain(steps: readonly Drawn[]): string {
  const depth = depths(steps.map(({ id, step = id, needs }): Node => ({ id: step, needs })));
  const depthOf = ({ id, step = id }: Drawn): number => depth.get(step) ?? 0;
  const width = Math.max(...steps.map((step) => depthOf(step) * 2 + step.id.length));
  return steps
    .map((step, at) => ({ step, at, depth: depthOf(step) }))
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
