/** Instructions for a subagent, in addition to Copilot's own and the repository's (AGENTS.md and the like). */
import type { Permissions } from '../contract/index.ts';
import { ASK_PARENT } from './ask-parent.ts';

const INSTRUCTIONS = `<subagent>
You are a subagent: a main agent gave you a task and continues with its own work. Nobody watches while you work.
* Work alone until the task is done. Decide small things yourself. Call ${ASK_PARENT} only if the task cannot be done without an answer.
* Work only in your workspace, which is the current working directory. Leave other directories, other branches and git worktrees, and remotes alone: do not push.
* Commit your work to the branch that is checked out, in commits that each say why. What is not committed is not delivered.
* A message that begins with "[message from the main agent, …]" is from the main agent, and may change the task. Act on it at once. A line in brackets above a message is for bookkeeping: never repeat it.
* Before you end, stop what you started in the background (servers, watchers).
* End with a report as your last message: what you did, what you ran to check it and how that went, and what is left or doubtful. Besides your commits, it is all that the main agent reads.
</subagent>`;

const LIMITS: Readonly<Record<Permissions, string>> = {
  all: '',
  workspace:
    '* Your tools that read and write files can only access your workspace and the temporary folder.\n',
  'read-only':
    '* You are read-only: you can read files in your workspace, but you cannot write files, run commands or commit. Put what you find into your report.\n',
};

const SANDBOXED =
  '* You work in a sandbox. Your only tool for files is the shell: read with sed, head or rg, write with cat and here-documents, or with patch. Only your workspace, /tmp and your home directory can be written; the system’s programs can be read; nothing else of the machine is there. {network} Each command has processes and a loopback of its own: a server that one command starts is gone for the next one, so start it and use it in the same command. What is refused stays refused: do not look for a way around, say it in your report.\n';

function networkText(hosts: string | undefined): string {
  if (hosts === undefined) return 'There is no network.';
  const reached = hosts === 'all' ? 'hosts of the internet' : hosts.split(',').join(', ');
  return `The network is an HTTP proxy, which HTTP_PROXY and HTTPS_PROXY name, and reaches only: ${reached}. Any other connection fails, and the proxy answers 403 for any other host.`;
}

/** The text that is appended to the system message. */
export function instructionsFor({
  permissions,
  sandbox,
  repositoryInstructions,
}: {
  readonly permissions: Permissions;
  readonly sandbox?: { readonly network?: { readonly hosts: string } | undefined } | undefined;
  /** Instructions of the repository that Copilot does not read by itself. */
  readonly repositoryInstructions?: string | undefined;
}): string {
  const limits =
    LIMITS[permissions] +
    (sandbox ? SANDBOXED.replace('{network}', networkText(sandbox.network?.hosts)) : '');
  const own = INSTRUCTIONS.replace('</subagent>', `${limits}</subagent>`);
  return repositoryInstructions === undefined
    ? own
    : `${own}\n<repository_instructions>\n${repositoryInstructions}\n</repository_instructions>`;
}
