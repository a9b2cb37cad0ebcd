/** The extension of interactive Copilot CLI: the tools, and what subagents announce pushed into the conversation. */
import { basename } from 'node:path';
import { joinSession } from '@github/copilot-sdk/extension';
import type { CopilotSession } from '@github/copilot-sdk';
import { Inbox, LazyConnection, TOOLS, type ToolContext } from '../tools/index.ts';
import { Conversation } from './conversation.ts';
import { isInsideSubagent } from './inside.ts';
import { Receiver } from './receiver.ts';
import { startUp } from './start-up.ts';
import { copilotTools } from './tools.ts';

export interface ExtensionOptions {
  /** The Node.js that runs the product: the extension itself runs in Copilot CLI's own, which runs nothing else. */
  readonly node: string;
}

const ARRIVAL =
  'Go on with the conversation, and do not poll or wait: completions, questions and stalls are brought into this conversation by themselves.';

/** The session of a Copilot session: the same again after `copilot --resume`. */
export const sessionOf = (copilotSessionId: string): string => `copilot-${copilotSessionId}`;

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
  const name = sessionOf(env['SESSION_ID'] ?? '');
  const connection = new LazyConnection({ env });
  const inbox = new Inbox(name);
  const busy = new Busy();
  // The tools are declared on joining, and need what there is only after it.
  const here: { session?: CopilotSession; receiver?: Receiver } = {};
  const session = await joinSession({
    suppressResumeEvent: true,
    tools: copilotTools({
      began: () => busy.began(),
      ended: () => {
        busy.ended();
        here.receiver?.start();
      },
      told: (announcements) => void here.receiver?.told(announcements).catch(() => undefined),
      context: async () => ({
        session: name,
        ...(await placeOf(here.session)),
        connect: () => connection.get(),
        get current() {
          return connection.current;
        },
        inbox,
        arrival: ARRIVAL,
        start: (onProgress) => startUp(node, onProgress),
      }),
    }),
  });
  here.session = session;
  const conversation = new Conversation(
    session,
    TOOLS.map((tool) => tool.name),
  );
  const receiver = new Receiver({
    session: name,
    connection,
    conversation,
    inbox,
    quiet: () => busy.quiet(),
  });
  here.receiver = receiver;
  // A conversation that never had a subagent asks no server for anything.
  if (await conversation.usedTools().catch(() => false)) receiver.start();
}

/** Where the human works, and what the session is to be called where people see it. */
async function placeOf(session: CopilotSession | undefined): Promise<Pick<ToolContext, 'cwd' | 'title'>> {
  const snapshot = await session?.rpc.metadata.snapshot().catch(() => undefined);
  const cwd = snapshot?.workingDirectory ?? process.cwd();
  const about = snapshot?.summary;
  return { cwd, title: `Copilot CLI in ${basename(cwd)}${about === undefined ? '' : `: ${about}`}` };
}

/** Whether tool calls run. */
class Busy {
  #calls = 0;
  #waiting: (() => void)[] = [];

  began(): void {
    this.#calls += 1;
  }

  ended(): void {
    this.#calls -= 1;
    if (this.#calls > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async quiet(): Promise<void> {
    if (this.#calls > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
