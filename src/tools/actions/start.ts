import { SubagentsError } from '../../contract/index.ts';
import type { Action } from './action.ts';

/** Starts what the subagents run on, where the human has agreed to it. */
export const start: Action = async (context, { allowed }) => {
  if (allowed !== true) {
    throw new SubagentsError('BAD_INPUT', 'nothing is started without the human’s agreement', {
      remedy:
        'ask the human whether to run `subagents up --detach` (a Temporal server and a worker, in the background, for this user); ' +
        'when they agree, call again with allowed: true',
    });
  }
  const note = await context.start(context.progress);
  return { text: note, structured: { notes: [note] } };
};
