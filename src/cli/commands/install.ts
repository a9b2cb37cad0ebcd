import { SubagentsError } from '../../contract/errors.ts';
import type { InstallChange } from '../../contract/reports/installation.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { InstallJson } from '../json.ts';

interface Flags {
  readonly project?: boolean | undefined;
}

const DONE: Readonly<Record<InstallChange, string>> = {
  written: 'Written',
  updated: 'Updated',
  unchanged: 'Already installed',
  removed: 'Removed',
  absent: 'Was not installed',
};

/** `subagents install copilot` */
export async function installCommand(context: Context, client: string, flags: Flags): Promise<number> {
  const { installExtension } = await import('../../extension/install.ts');
  const path = await pathOf(context, client, flags);
  report(context, flags, path, installExtension(path, flags.project === true));
  context.output.note(
    flags.project === true
      ? 'Commit the file. Everyone who has this package installed and starts `copilot --experimental` in the repository gets the tools.'
      : 'Start `copilot --experimental` and ask it to delegate a task. If nothing runs yet, start it first: `subagents up --detach`.',
  );
  return EXIT.ok;
}

/** `subagents uninstall copilot` */
export async function uninstallCommand(context: Context, client: string, flags: Flags): Promise<number> {
  const { uninstallExtension } = await import('../../extension/install.ts');
  const path = await pathOf(context, client, flags);
  report(context, flags, path, uninstallExtension(path));
  return EXIT.ok;
}

async function pathOf({ env }: Context, client: string, flags: Flags): Promise<string> {
  if (client !== 'copilot') {
    throw new SubagentsError('BAD_INPUT', `cannot install into "${client}"`, {
      remedy: 'write `copilot`; for other clients use the MCP server, `subagents mcp`',
    });
  }
  const { projectExtension, userExtension } = await import('../../extension/install.ts');
  if (flags.project !== true) return userExtension(env);
  const { resolveRepository } = await import('../../git/repository.ts');
  return projectExtension(await resolveRepository('.'));
}

function report({ output }: Context, flags: Flags, path: string, change: InstallChange): void {
  const scope = flags.project === true ? 'project' : 'user';
  output.data({ client: 'copilot', scope, path, change } satisfies InstallJson);
  output.line(`${DONE[change]}: ${path}`);
}
