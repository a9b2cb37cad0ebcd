import type { SubagentHandle } from '../../client/index.ts';
import { evidenceLines, ENDED_BEFORE_KILL } from '../../prompts/index.ts';
import { measuredFields } from '../outcome.ts';
import { MAX_TOOL_ANSWER_BYTES } from '../news.ts';
import { handlesOf } from '../targets.ts';
import type { Action } from './action.ts';
import { forEachTarget, type TargetResult } from './each.ts';

/** Ends subagents and every process that they left. */
export const killAction: Action = async (context, { target }) => {
  const subagents = await context.connect();
  const handles = await handlesOf(context, subagents, 'kill', target);
  return await forEachTarget(handles, killOne, { full: handles.length, bytes: MAX_TOOL_ANSWER_BYTES });
};

async function killOne(handle: SubagentHandle): Promise<TargetResult> {
  const { status, outcome } = await handle.kill();
  const lines = evidenceLines(outcome);
  if (status !== 'killed') lines.unshift(ENDED_BEFORE_KILL);
  return { view: { status, measured: measuredFields(outcome) }, lines };
}
