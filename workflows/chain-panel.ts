/** The live panel of a chain in the Temporal Web UI: the graph as it progresses. */
import { drawChain } from '../src/chain/draw.ts';
import type { Progress } from '../src/chain/progress.ts';
import type { ChainInput, Outcome } from '../src/contract/index.ts';
import { code, EMPTY_LINE, fence } from './panel.ts';

/** Steps shown one by one. */
const SHOWN = 60;

/** The whole panel. */
export function chainPanel({ label, chain }: ChainInput, progress: Progress, outcome?: Outcome): string {
  const view = progress.view;
  const lines = drawChain(view).split('\n');
  const done = view.filter(({ status }) => status === 'done').length;
  return [
    `### Chain ${code(label)}: ${outcome?.status ?? 'working'}`,
    '',
    `${done} of ${view.length} done`,
    '',
    ...(chain.description === undefined ? [] : [code(chain.description), '']),
    fence(lines.slice(0, SHOWN).join('\n')),
    ...(view.length > SHOWN ? ['', `and ${view.length - SHOWN} more`] : []),
    '',
    EMPTY_LINE,
  ].join('\n');
}
