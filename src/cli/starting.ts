import type { Subagents } from '../client/index.ts';
import { SubagentsError } from '../contract/errors.ts';
import { homeRoot } from '../system/home-root.ts';
import type { DetachedOptions } from '../worker/up/detached.ts';
import type { Context } from './context.ts';
import { printServerAccess } from './render/facts.ts';

/** Connects to the server. In a terminal, if no server is named and none runs, first starts `up` in the background. */
export async function connectOrStart(context: Context): Promise<Subagents> {
  const { options, env, output } = context;
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY && !output.json;
  if (isTerminal && (await knowsNoServer(context))) {
    const { startDetached } = await import('../worker/up/detached.ts');
    output.note(`Nothing runs in ${homeRoot(options.home, env)} yet: starting \`subagents up --detach\`.`);
    const { up } = await startDetached(detachedOptions(context));
    output.note(`Temporal ${up.address}, Web UI ${up.uiUrl}; \`subagents down\` stops it.`);
    printServerAccess(context, homeRoot(options.home, env));
    output.note('');
  }
  return await context.connect();
}

/** Options for starting `up` in the background, with progress on stderr. */
export function detachedOptions(context: Context): DetachedOptions {
  const { options, env, output } = context;
  return {
    root: homeRoot(options.home, env),
    env,
    onProgress: (message) => output.note(`  ${message}`),
    signal: context.interrupt,
  };
}

async function knowsNoServer({ options, env }: Context): Promise<boolean> {
  const { resolveTemporalTarget } = await import('../temporal/target.ts');
  const { home, profile, address, namespace } = options;
  try {
    await resolveTemporalTarget({ home, profile, address, namespace, env });
    return false;
  } catch (error) {
    return error instanceof SubagentsError && error.code === 'TEMPORAL_UNREACHABLE';
  }
}
