/** The MCP server: tools and resources for one client, over stdin and stdout. */
import { once } from 'node:events';
import {
  McpServer,
  type JSONRPCMessage,
  type RequestId,
  type ServerContext,
  type StandardSchemaWithJSON,
} from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { z } from 'zod';
import { isFinal, type Announcement } from '../contract/index.ts';
import type { ConnectOptions } from '../client/index.ts';
import { ARRIVES_WITH_RESULT, mainAgentInstructions } from '../prompts/index.ts';
import { ownIdentity } from '../home/machine.ts';
import { AnnouncementInbox, LazyConnection, newsSchema, TOOLS, type ToolContext } from '../tools/index.ts';
import { answerCall, type Sent } from './answer.ts';
import { registerResources } from './resources.ts';

/** Options of `serveMcp`. */
export interface McpOptions {
  readonly version: string;
  /** The main agent's session. */
  readonly session: string;
  /** The repository of spawns that name none. */
  readonly cwd: string;
  readonly connection: ConnectOptions;
  /** Runs `up` in the background. @returns a description of what runs */
  readonly start: ToolContext['start'];
  readonly missingAccess: ToolContext['missingAccess'];
  readonly upCommand: string;
  /** Called with errors that cannot be reported through the protocol. */
  readonly log: (line: string) => void;
  /** Ends the server. */
  readonly signal: AbortSignal;
}

/** Serves one client until the client closes stdin or the signal is aborted. Writes only the protocol to stdout. */
export async function serveMcp(options: McpOptions): Promise<void> {
  const connection = new LazyConnection({
    identity: ownIdentity('mcp', options.connection.env),
    ...options.connection,
  });
  const shared = {
    sent: new Map<RequestId, readonly Announcement[]>(),
    session: options.session,
    cwd: options.cwd,
    start: options.start,
    arrival: ARRIVES_WITH_RESULT,
    missingAccess: options.missingAccess,
    upCommand: options.upCommand,
    inbox: new AnnouncementInbox(options.session),
    connect: () => connection.get(),
    get current() {
      return connection.current;
    },
  };
  // stdin from a file or /dev/null emits no `close`.
  const closed = Promise.race(
    ['end', 'close'].map((event) => once(process.stdin, event, { signal: options.signal })),
  ).catch(() => undefined);
  const transport = new StdioServerTransport();
  const handle = serveStdio(() => newServer(options, shared), {
    transport,
    onerror: (error) => options.log(error.message),
  });
  const { onmessage } = transport;
  transport.onmessage = (message) => {
    // The SDK drops a cancellation of a request that was answered already.
    const id = cancelledBy(message);
    if (id !== undefined) shared.inbox.unmarkDelivered(shared.sent.get(id) ?? []);
    onmessage?.(message);
  };
  await closed;
  await handle.close();
  await connection.close();
}

type Shared = Omit<ToolContext, 'signal' | 'progress' | 'askHuman'> & { readonly sent: Sent };

/** Whether a call may start runs. */
const mayStartRuns = (tool: string, input: unknown): boolean =>
  tool !== 'subagents' || (input as { action?: unknown } | undefined)?.action === 'continue';

/** The id of the request that a message cancels; undefined for any other message. */
function cancelledBy(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined;
  return message.params?.['requestId'] as RequestId | undefined;
}

function newServer({ version }: McpOptions, shared: Shared): McpServer {
  const server = new McpServer(
    { name: 'durable-subagents', title: 'Durable subagents', version },
    { instructions: mainAgentInstructions(shared.session) },
  );
  for (const tool of TOOLS) {
    const { name, title, description, annotations } = tool;
    server.registerTool(
      name,
      {
        title,
        description,
        annotations,
        inputSchema: shownOnly(tool.input),
        outputSchema: tool.output.extend({
          news: newsSchema.optional().describe('announcements since the last call'),
        }),
      },
      async (input: unknown, ctx: ServerContext) => {
        const { id } = ctx.mcpReq;
        const { sent } = shared;
        const answer = await answerCall(tool, contextOf(server, shared, ctx), input, { id, sent });
        const begun = answer.isError !== true && mayStartRuns(name, input);
        // A subagent that has ended has an outcome resource now.
        if (begun || sent.get(id)?.some(({ status }) => isFinal(status))) server.sendResourceListChanged();
        return answer;
      },
    );
  }
  registerResources(server, shared);
  return server;
}

function contextOf({ server }: McpServer, shared: Shared, { mcpReq }: ServerContext): ToolContext {
  const progressToken = mcpReq._meta?.progressToken;
  let progress = 0;
  return {
    ...shared,
    // A getter, because the connection may be opened while a call runs.
    get current() {
      return shared.current;
    },
    askHuman: async (question, options) => {
      // Clients of the protocol from 2026-07-28 on are asked in another way, which a tool that waits cannot use.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      if (server.getClientCapabilities()?.elicitation === undefined) return undefined;
      try {
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        const { action, content } = await mcpReq.elicitInput(
          { message: question, requestedSchema: choiceSchema(options) },
          { signal: mcpReq.signal, timeout: HUMAN_TIMEOUT_MS },
        );
        const choice = action === 'accept' ? content?.['decision'] : undefined;
        return typeof choice === 'string' && options.includes(choice) ? choice : null;
      } catch {
        mcpReq.signal.throwIfAborted();
        return undefined;
      }
    },
    signal: mcpReq.signal,
    progress: (message) => {
      if (progressToken === undefined || mcpReq.signal.aborted) return;
      const params = { progressToken, progress: ++progress, message };
      mcpReq.notify({ method: 'notifications/progress', params }).catch(() => undefined);
    },
  };
}

/** How long a client may take to ask its human, in milliseconds. */
const HUMAN_TIMEOUT_MS = 10 * 60_000;

const choiceSchema = (options: readonly string[]) => ({
  type: 'object' as const,
  properties: { decision: { type: 'string' as const, title: 'Decision', enum: [...options] } },
  required: ['decision'],
});

/**
 * A schema that clients see but that accepts everything: `callTool` checks the input, with our own messages and
 * remedies.
 */
function shownOnly(schema: z.ZodType): StandardSchemaWithJSON<unknown, unknown> {
  const { jsonSchema } = schema['~standard'];
  return {
    '~standard': { version: 1, vendor: 'zod', validate: (value) => ({ value }), jsonSchema },
  };
}
