import type { SubagentHandle } from '../../client/index.ts';
import { evidenceLines, measured } from '../outcome.ts';
import { MAX_TOLD_BYTES } from '../news.ts';
import { handlesOf } from '../targets.ts';
import type { Action } from './action.ts';
import { each, type Done } from './each.ts';

/** Ends subagents and every process that they left. */
export const kill: Action = async (context, { target }) => {
  const subagents = await context.connect();
  const handles = await handlesOf(context, subagents, 'kill', target);
  return await each(handles, killed, { full: handles.length, bytes: MAX_TOLD_BYTES });
};

async function killed(handle: SubagentHandle): Promise<Done> {
  const { status, outcome } = await handle.kill();
  const lines = evidenceLines(outcome);
  if (status !== 'killed') lines.unshift('it had ended by itself before the kill reached it');
  return { view: { status, measured: measured(outcome) }, lines };
}
