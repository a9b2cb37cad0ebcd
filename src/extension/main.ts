/**
 * The extension of interactive Copilot CLI: the tools, and what subagents announce pushed into the conversation. Copilot CLI waits
 * until it has joined, so that nothing is loaded before but what that takes.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { joinSession } from '@github/copilot-sdk/extension';
import type { Declaration } from './declarations.ts';
import type { Extension } from './extension.ts';
import { isInsideSubagent } from './inside.ts';

export interface ExtensionOptions {
  /** The Node.js that runs the product: the extension itself runs in Copilot CLI's own, which runs nothing else. */
  readonly node: string;
}

/** After joining: Copilot CLI has started by then, and is not to share the processor with what else there is to load. */
const STARTED_MS = 1_000;

/** Joins the conversation. Returns once the tools are there; the rest goes on for as long as the process lives. */
export async function startExtension({ node }: ExtensionOptions): Promise<void> {
  const { env } = process;
  // stdout belongs to the protocol, and nothing that goes wrong here may end the process.
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
  await (await extension()).lookBack();
}

const declarations = (): Declaration[] =>
  JSON.parse(readFileSync(new URL('./declarations.json', import.meta.url), 'utf8')) as Declaration[];
