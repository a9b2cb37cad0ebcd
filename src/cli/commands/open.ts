import { pathToFileURL } from 'node:url';
import type { Subagents } from '../../client/index.ts';
import { SubagentsError } from '../../contract/errors.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { OpenJson } from '../json.ts';
import { listUrl } from '../../client/connection/links.ts';
import { homeRoot } from '../../system/home-root.ts';
import { LINK_MS, linkIfEncrypted } from '../../temporal/ui/access.ts';
import { OWN_COLUMNS } from '../../temporal/ui/columns.ts';

/** `subagents open` */
export async function openCommand(
  context: Context,
  target: string | undefined,
  options: { readonly print?: boolean | undefined },
): Promise<number> {
  await using subagents = await context.connect();
  const page = await urlOf(context, subagents, target);
  if (page === undefined) {
    throw new SubagentsError('BAD_INPUT', `the Web UI of ${subagents.target.address} is not known`, {
      remedy: 'set SUBAGENTS_UI_URL to the address of its Web UI',
    });
  }
  const root = homeRoot(context.options.home, context.env);
  const link = subagents.target.embedded === true ? linkIfEncrypted(root, context.env, page) : undefined;
  const url = link?.url ?? page;
  context.output.data({ url } satisfies OpenJson);
  context.output.line(url);
  if (target === undefined && subagents.target.embedded !== true)
    context.output.note(
      `To see the status of subagents in the list of workflows, add the columns ${OWN_COLUMNS.join(', ')} with the gear below the list.`,
    );
  if (link !== undefined)
    context.output.note(
      `The link lets one browser in, once, within ${LINK_MS / 60_000} minutes. Messages on this server are encrypted; all links to its Web UI then work there.`,
    );
  if (context.output.interactive && options.print !== true && hasDisplay(context.env)) {
    const { default: openUrl } = await import('open');
    // Other accounts of the machine can read the arguments of a program, so the link must not be among them.
    await openUrl(link === undefined ? url : pathToFileURL(link.page).href);
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
