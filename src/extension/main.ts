/**
 * The extension of interactive Copilot CLI: offers the tools, and pushes announcements of subagents into the
 * conversation. Copilot CLI waits until the extension has joined, so only the code for joining is loaded before.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { joinSession } from '@github/copilot-sdk/extension';
import { SUBAGENT_VARIABLE } from '../contract/protocol/names.ts';
import type { Declaration } from './declarations.ts';
import type { Extension } from './extension.ts';

/** Options of `startExtension`. */
export interface ExtensionOptions {
  /**
   * The Node.js for our programs. The extension itself runs in Copilot CLI's own Node.js, which runs no other programs.
   */
  readonly node: string;
}

/**
 * Delay after joining, in milliseconds, before more is loaded, so that loading does not slow the start of Copilot CLI.
 */
const STARTED_MS = 1_000;

/** Joins the conversation, and then follows its sessions. These are followed as long as the process runs. */
export async function startExtension({ node }: ExtensionOptions): Promise<void> {
  const { env } = process;
  // stdout is for the protocol, and no error here may end the process.
  for (const method of ['log', 'info', 'debug'] as const) console[method] = console.error;
  process.on('unhandledRejection', (reason) => console.error(reason));
  process.on('uncaughtException', (error) => console.error(error));
  if (isInsideSubagent(env)) {
    await joinSession();
    return;
  }
  let loaded: Promise<Extension> | undefined;
  const extension = (): Promise<Extension> => (loaded ??= load());
  const load = async (): Promise<Extension> => {
    const [session, { Extension }] = await Promise.all([joined, import('./extension.ts')]);
    return new Extension({ node, env, session });
  };
  const tools = declarations().map((declaration) => ({
    ...declaration,
    handler: async (input: unknown, { signal }: { readonly signal?: AbortSignal }) =>
      await (await extension()).call(declaration.name, input, signal),
  }));
  const joined = joinSession({ suppressResumeEvent: true, tools });
  await joined;
  await delay(STARTED_MS);
  await (await extension()).resumePast();
}

const declarations = (): Declaration[] =>
  JSON.parse(readFileSync(new URL('./declarations.json', import.meta.url), 'utf8')) as Declaration[];

/**
 * Whether this Copilot CLI belongs to a subagent, or was started from a shell of a subagent or of any other agent. Then
 * the extension offers no tools, because a subagent must do its task itself.
 */
function isInsideSubagent(env: Readonly<Record<string, string | undefined>>): boolean {
  return env[SUBAGENT_VARIABLE] !== undefined || env['COPILOT_AGENT_SESSION_ID'] !== undefined;
}
