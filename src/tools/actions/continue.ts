import { workflowUrl } from '../../client/connection/links.ts';
import { notesText } from '../notes.ts';
import { continuedLine } from '../../prompts/index.ts';
import { oneHandle, required } from '../targets.ts';
import type { Action } from './action.ts';
import { forEachTarget } from './each.ts';

/** Continues a subagent that has ended, as a new run. */
export const continueAction: Action = async (
  context,
  { target, message, verify, push, force, requestId },
) => {
  const task = required(message, 'continue', 'the new task');
  const changes = {
    ...(verify !== undefined && { verify }),
    ...(push !== undefined && { push }),
    ...(force !== undefined && { force }),
  };
  const subagents = await context.connect();
  return await forEachTarget([await oneHandle(context, subagents, 'continue', target)], async (handle) => {
    const accepted = await handle.continue(task, changes, { requestId });
    const { label, run, workflowId, runId, notes, repeated } = accepted;
    const link = workflowUrl(subagents.target, workflowId, runId);
    const words = notesText(`${label}@${run}`, notes);
    return {
      view: {
        run,
        ...(repeated && { repeated }),
        ...(link !== undefined && { link }),
        ...(words !== undefined && { words }),
      },
      lines: [continuedLine({ label, run, repeated }, context.arrival)],
    };
  });
};
