/** A chain as text: one line for each step, below the steps it needs. */
import {
  caveatDescriptions,
  isBlocked,
  oneLine,
  durationText,
  tokensText,
  type StepView,
} from '../contract/index.ts';
import { depths, type Node } from './graph.ts';

/** The fields of a step that are drawn. */
export type DrawnStep = Pick<StepView, 'id' | 'needs'> &
  Partial<Pick<StepView, 'step' | 'status' | 'caveats' | 'summary' | 'startedAt' | 'totalMs' | 'tokens'>>;

/** A step with its position. */
export interface PositionedStep<S extends DrawnStep> {
  readonly step: S;
  /** Depth in the graph: 0 for a step that needs none. */
  readonly depth: number;
  /** Mark of its status; empty without a status. */
  readonly mark: string;
}

const MARKS: Readonly<Record<string, string>> = {
  waiting: '·',
  live: '▶',
  done: '✓',
  skipped: '–',
};

/** The steps in an order in which they can run; the subagents of a `forEach` are at the position of their step. */
export function sortSteps<S extends DrawnStep>(steps: readonly S[]): PositionedStep<S>[] {
  const depth = depths(steps.map(({ id, step = id, needs }): Node => ({ id: step, needs })));
  return steps
    .map((step, at) => ({ step, at, depth: depth.get(step.step ?? step.id) ?? 0 }))
    .sort((a, b) => a.depth - b.depth || a.at - b.at)
    .map(({ step, depth: deep }) => ({ step, depth: deep, mark: markOf(step) }));
}

/** The graph: `✓ research`, and below it `└▶ implement`. Each step names the steps it needs. */
export function drawChain(steps: readonly DrawnStep[]): string {
  const placed = sortSteps(steps);
  const width = Math.max(...placed.map(({ step, depth }) => depth * 2 + step.id.length));
  return placed
    .map(({ step, depth, mark }) => {
      const branch = depth === 0 ? '' : `${'  '.repeat(depth - 1)}└ `;
      const needs = step.needs.length === 0 ? '' : `needs ${step.needs.join(', ')}`;
      const summary = oneLine(step.summary ?? '', 100);
      const used = step.tokens === undefined ? '' : `${tokensText(step.tokens)} tokens`;
      const words = [step.status, caveatsText(step), needs, timeText(step), used, summary]
        .filter(Boolean)
        .join(', ');
      const name = `${branch}${step.id}`.padEnd(width);
      return `${mark === '' ? '' : `${mark} `}${name}  ${words}`.trimEnd();
    })
    .join('\n');
}

/** The caveats of a step as text; empty if there are none. */
export const caveatsText = ({ caveats = [] }: DrawnStep): string =>
  caveats.length === 0 ? '' : `but: ${caveatDescriptions(caveats)}`;

/** How long a step took, or since when it is live; empty before its start. */
export function timeText({ status, startedAt, totalMs }: DrawnStep): string {
  if (totalMs !== undefined) return durationText(totalMs);
  return status === 'live' && startedAt !== undefined ? `since ${startedAt.slice(11, 19)} UTC` : '';
}

function markOf({ status, caveats = [] }: DrawnStep): string {
  if (status === undefined) return '';
  if (status === 'done' && isBlocked(caveats)) return '!';
  return MARKS[status] ?? '✗';
}
