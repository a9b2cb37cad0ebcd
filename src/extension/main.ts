/** The extension of interactive Copilot CLI: the tools, and what subagents announce pushed into the conversation. */
import { joinSession } from '@github/copilot-sdk/extension';
import { Extension } from './extension.ts';
import { isInsideSubagent } from './inside.ts';
import { copilotTools } from './tools.ts';

export interface ExtensionOptions {
  /** The Node.js that runs the product: the extension itself runs in Copilot CLI's own, which runs nothing else. */
  readonly node: string;
}

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
  const extension = new Extension({ node, env, copilotSessionId: env['SESSION_ID'] ?? '' });
  const session = await joinSession({ suppressResumeEvent: true, tools: copilotTools(extension) });
  await extension.joined(session);
}
