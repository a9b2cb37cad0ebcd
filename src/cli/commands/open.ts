import type { Subagents } from '../../client/index.ts';
import { SubagentsError } from '../../contract/errors.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { OpenJson } from '../json.ts';
import { listUrl } from '../../client/connection/links.ts';
import { OWN_COLUMNS } from '../../temporal/ui-columns.ts';

/** `subagents open` */
export async function openCommand(
  context: Context,
  target: string | undefined,
  options: { readonly print?: boolean | undefined },
): Promise<number> {
  await using subagents = await context.connect();
  const url = await urlOf(context, subagents, target);
  if (url === undefined) {
    throw new SubagentsError('BAD_INPUT', `the Web UI of ${subagents.target.address} is not known`, {
      remedy: 'set SUBAGENTS_UI_URL to the address of its Web UI',
    });
  }
  context.output.data({ url } satisfies OpenJson);
  context.output.line(url);
  if (target === undefined && subagents.target.embedded !== true)
    context.output.note(
      `To see the status of subagents in the list of workflows, add the columns ${OWN_COLUMNS.join(', ')} with the gear below the list.`,
    );
  if (context.output.interactive && options.print !== true && hasDisplay(context.env)) {
    const { default: openUrl } = await import('open');
    await openUrl(url);
  }
  return EXIT.ok;
}

async function urlOf(
  context: Context,
  subagents: Subagents,
  target: string | undefined,
): Promise<string | undefined> {
  if (target === undefined) return listUrl(subagents.target);
  const subagent = await subagents.find(target, { session: context.session });
  return (await subagent.describe()).url;
}

/** Whether a browser can open on this machine, in front of the user: not over an ssh connection. */
function hasDisplay(env: NodeJS.ProcessEnv): boolean {
  if (env['SSH_CONNECTION']) return false;
  return process.platform !== 'linux' || Boolean(env['DISPLAY'] ?? env['WAYLAND_DISPLAY']);
}
