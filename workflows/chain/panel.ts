/** The live panel of a chain in the Temporal Web UI: the graph as it progresses. */
import { caveatsText, sortSteps, timeText, type PositionedStep } from '../../src/chain/draw.ts';
import type { ChainProgress } from '../../src/chain/progress.ts';
import {
  caveatDescriptions,
  kindsOf,
  tokensText,
  type ChainInput,
  type Outcome,
  type StepView,
} from '../../src/contract/index.ts';
import { capitalized, tableCell, codeSpan, EMPTY_LINE } from '../shared/panel-text.ts';

/** Rows of the table of steps; further steps are only counted. */
const SHOWN = 60;

/** The whole panel. */
export function chainPanel({ label }: ChainInput, progress: ChainProgress, outcome?: Outcome): string {
  const view = progress.view;
  const caveats = outcome?.caveats ?? [];
  return [
    `### ${verdict(view, outcome)}`,
    '',
    `chain ${codeSpan(label)}`,
    '',
    ...(caveats.length === 0
      ? []
      : [...caveats.map(({ grade, text }) => `- ${grade}: ${codeSpan(text, 600)}`), '']),
    '| step | state | time | tokens | needs | how |',
    '|---|---|---|---|---|---|',
    ...sortSteps(view).slice(0, SHOWN).map(row),
    ...(view.length > SHOWN ? ['', `and ${view.length - SHOWN} more`] : []),
    '',
    EMPTY_LINE,
  ].join('\n');
}

/** The first line of the panel: the outcome, or the progress so far, in one sentence. */
function verdict(view: readonly StepView[], outcome: Outcome | undefined): string {
  const counts = new Map<StepView['status'], number>([['done', 0]]);
  for (const { status } of view) counts.set(status, (counts.get(status) ?? 0) + 1);
  const done = counts.get('done') ?? 0;
  const but =
    outcome && outcome.caveats.length > 0 ? `, but: ${caveatDescriptions(kindsOf(outcome.caveats))}` : '';
  const others = [...counts].filter(([status]) => status !== 'done');
  const words = [
    `${done} of ${view.length} steps done`,
    ...others.map(([status, count]) => `${count} ${status === 'live' ? 'at work' : status}`),
  ];
  return `${capitalized(outcome?.status ?? 'working')}${but}: ${words.join(', ')}`;
}

function row({ step, depth, mark }: PositionedStep<StepView>): string {
  const indent = depth === 0 ? '' : `${EMPTY_LINE.repeat(2 * (depth - 1))}└${EMPTY_LINE}`;
  const state = [step.status, caveatsText(step)].filter(Boolean).join(', ');
  const used = step.tokens === undefined ? '' : tokensText(step.tokens);
  const how = step.summary === undefined ? '' : tableCell(step.summary);
  return `| ${mark}${EMPTY_LINE}${indent}${codeSpan(step.label)} | ${state} | ${timeText(step)} | ${used} | ${step.needs.map((need) => codeSpan(need)).join(', ')} | ${how} |`;
}
