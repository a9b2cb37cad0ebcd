/** The live panel of a chain in the Temporal Web UI: the graph as it progresses. */
import { butText, inOrder, timeText, type Placed } from '../../src/chain/draw.ts';
import type { ChainProgress } from '../../src/chain/progress.ts';
import {
  inOurWords,
  kindsOf,
  tokens,
  type ChainInput,
  type Outcome,
  type StepView,
} from '../../src/contract/index.ts';
import { capital, cell, code, EMPTY_LINE } from '../shared/panel-text.ts';

/** Rows of the table of steps; further steps are only counted. */
const SHOWN = 60;

/** The whole panel. */
export function chainPanel({ label }: ChainInput, progress: ChainProgress, outcome?: Outcome): string {
  const view = progress.view;
  const caveats = outcome?.caveats ?? [];
  return [
    `### ${verdict(view, outcome)}`,
    '',
    `chain ${code(label)}`,
    '',
    ...(caveats.length === 0
      ? []
      : [...caveats.map(({ grade, text }) => `- ${grade}: ${code(text, 600)}`), '']),
    '| step | state | time | tokens | needs | how |',
    '|---|---|---|---|---|---|',
    ...inOrder(view).slice(0, SHOWN).map(row),
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
  const but = outcome && outcome.caveats.length > 0 ? `, but: ${inOurWords(kindsOf(outcome.caveats))}` : '';
  const others = [...counts].filter(([status]) => status !== 'done');
  const words = [
    `${done} of ${view.length} steps done`,
    ...others.map(([status, count]) => `${count} ${status === 'live' ? 'at work' : status}`),
  ];
  return `${capital(outcome?.status ?? 'working')}${but}: ${words.join(', ')}`;
}

function row({ step, depth, mark }: Placed<StepView>): string {
  const indent = depth === 0 ? '' : `${EMPTY_LINE.repeat(2 * (depth - 1))}└${EMPTY_LINE}`;
  const state = [step.status, butText(step)].filter(Boolean).join(', ');
  const used = step.tokens === undefined ? '' : tokens(step.tokens);
  const how = step.summary === undefined ? '' : cell(step.summary);
  return `| ${mark}${EMPTY_LINE}${indent}${code(step.label)} | ${state} | ${timeText(step)} | ${used} | ${step.needs.map((need) => code(need)).join(', ')} | ${how} |`;
}
