import { plural, SubagentsError } from '../../contract/index.ts';
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
  if (adopted.length === 0)
    return {
      text: 'Nothing to adopt: every subagent of this repository belongs to a conversation.',
      structured: {},
    };
  const lines = adopted.map(
    ({ session, waiting, live }) =>
      `${ADOPTED}${session}: ${plural(waiting, 'announcement')} waiting, ${plural(live, 'live subagent')}`,
  );
  const note = 'Their announcements come into this conversation. Name them in full, as SESSION/LABEL.';
  return { text: [...lines, note].join('\n'), structured: { notes: [...lines, note] } };
};

const ADOPTED = 'adopted ';

/** The adopted sessions, parsed from the text of this action's answer. */
export const parseAdopted = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith(ADOPTED))
    .flatMap((line) => /^(\S+):/.exec(line.slice(ADOPTED.length))?.[1] ?? []);
