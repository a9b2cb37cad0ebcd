import { SubagentsError } from '../../contract/index.ts';
import { adoptedLines, NOTHING_TO_ADOPT } from '../../prompts/index.ts';
import type { Action } from './action.ts';

/** Takes over sessions whose conversation is gone. */
export const adoptAction: Action = async (context) => {
  if (context.adopt === undefined) {
    throw new SubagentsError(
      'BAD_INPUT',
      'adopt only exists in Copilot CLI: the session of this server does not end with a conversation',
      {
        remedy: 'use action "list"; with target "all" it lists the subagents of all sessions',
      },
    );
  }
  const adopted = await context.adopt();
  if (adopted.length === 0) return { text: NOTHING_TO_ADOPT, structured: {} };
  const lines = adoptedLines(adopted);
  return { text: lines.join('\n'), structured: { notes: lines } };
};
