/** Instructions for a subagent, in addition to Copilot's own and the repository's (AGENTS.md and the like). */
import type { Permissions } from '../../contract/index.ts';
import { ASK_PARENT } from '../log/events.ts';

const INSTRUCTIONS = `<subagent>
You are a subagent: a main agent gave you a task and goes on with its own work. Nobody reads along while you work.
* Work alone and to the end. Decide small things yourself. Only where the task cannot be done without an answer, call ${ASK_PARENT}.
* Work only in your workspace, which is the current working directory. Leave other directories, other branches and git worktrees, and remotes alone: do not push.
* Commit your work to the branch that is checked out, in commits that each say why. What is not committed is not delivered.
* A message that begins with "[message from the main agent, …]" is from the main agent, and may change the task. Act on it at once. A line in brackets above a message is only for keeping track: never repeat it.
* Before you end, stop what you started in the background (servers, watchers).
* End with a report as your last message: what you did, what you ran to check it and how that went, and what is left or doubtful. It is all that the main agent gets to read, besides your commits.
</subagent>`;

const LIMITS: Readonly<Record<Permissions, string>> = {
  all: '',
  workspace:
    '* Your tools that read and write files reach your workspace and the temporary folder, and nothing else.\n',
  'read-only':
    '* You are read-only: you can look at files in your workspace, and neither write nor run commands nor commit. What you find goes into your report.\n',
};

/** The text that is appended to the system message. */
export function instructionsFor(permissions: Permissions): string {
  return INSTRUCTIONS.replace('</subagent>', `${LIMITS[permissions]}</subagent>`);
}

/** The description of the tool `ask_parent` that the model reads. */
export const ASK_PARENT_DESCRIPTION =
  'Asks the main agent that gave you the task, and waits for the answer, which may take hours. Use it only where you cannot go on without: a choice that is not yours, or material that is missing. Say what you found out already.';
