import { resolve } from 'node:path';
import { homeRoot, upCommand } from '../../system/home-root.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { version } from '../../system/version.ts';

/** `subagents mcp`: runs an MCP server on stdin and stdout until the client ends it. */
export async function mcpCommand(
  context: Context,
  flags: { readonly repo?: string | undefined },
): Promise<number> {
  const { options, env, interrupt: signal } = context;
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  // stdout is for the protocol, so output of libraries goes to stderr.
  for (const method of ['log', 'info', 'debug'] as const) console[method] = console.error;
  process.on('unhandledRejection', (reason) =>
    log(reason instanceof Error ? reason.message : String(reason)),
  );
  const { home, profile, address, namespace } = options;
  const cwd = resolve(flags.repo ?? '.');
  const [{ serveMcp }, { sessionNameFor }] = await Promise.all([
    import('../../mcp/server.ts'),
    import('../../tools/session-name.ts'),
  ]);
  const session = options.session ?? (env['SUBAGENTS_SESSION'] || (await sessionNameFor(cwd)));
  log(`subagents ${version()}: MCP server of session ${session}, for ${cwd}`);
  await serveMcp({
    version: version(),
    session,
    cwd,
    log,
    signal,
    connection: { home, profile, address, namespace, env },
    missingAccess: async () => {
      const { findMissingAccess } = await import('../../copilot/runtime/missing-access.ts');
      return await findMissingAccess(env);
    },
    upCommand: upCommand(home, env),
    start: async (onProgress) => {
      const { startDetached } = await import('../../worker/up/detached.ts');
      const root = homeRoot(home, env);
      const { up, started } = await startDetached({ root, env, onProgress, signal });
      return `${started ? 'started' : 'already running'}: Temporal ${up.address}, Web UI ${up.uiUrl}; \`subagents down\` stops it`;
    },
  });
  return EXIT.ok;
}
