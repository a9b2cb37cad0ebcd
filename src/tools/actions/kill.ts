import { evidenceLines, measured } from '../outcome.ts';
import { handlesOf } from '../targets.ts';
import type { Action } from './action.ts';
import { each } from './each.ts';

/** Ends subagents and every process they have left. */
export const kill: Action = async (context, { target }) => {
  const subagents = await context.connect();
  return await each(await handlesOf(context, subagents, 'kill', target), async (handle) => {
    const { status, outcome } = await handle.kill();
    const lines = evidenceLines(outcome);
    if (status !== 'killed') lines.unshift('it had ended by itself before the kill reached it');
    return { view: { status, measured: measured(outcome) }, lines };
  });
};
