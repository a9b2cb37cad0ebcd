/** The MCP server as a client starts it: `subagents mcp` from dist/, over stdio, with the SDK's own client. */
import { fileURLToPath } from 'node:url';
import { Client, type Progress } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { PATIENCE_MS } from './eventually.ts';
import { NO_GIT_CONFIGURATION } from './repository.ts';

/** The command, for configurations of clients. */
export const COMMAND = fileURLToPath(new URL('../../dist/src/cli/main.bundle.js', import.meta.url));

export interface McpPeer extends AsyncDisposable {
  readonly client: Client;
  /** What the server wrote to stderr. */
  readonly errors: () => string;
  readonly pid: number;
  /** Calls a tool. */
  call(name: string, args: object, options?: CallOptions): Promise<Answer>;
}

interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onprogress?: (progress: Progress) => void;
  readonly timeout?: number;
}

/** An answer, its text parts joined. */
export interface Answer {
  readonly text: string;
  readonly structured: Record<string, unknown>;
  readonly isError: boolean;
}

export interface PeerOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** `auto` speaks the newest revision of the protocol, where the server has it; default: that of 2025. */
  readonly negotiate?: 'auto';
  /** The human at the client: chooses in a dialog with this message; undefined: closes it. */
  readonly elicit?: (message: string) => string | undefined;
}

/** Starts the server and connects to it. */
export async function startMcp({ cwd, env, args = [], negotiate, elicit }: PeerOptions): Promise<McpPeer> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [COMMAND, 'mcp', ...args],
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...NO_GIT_CONFIGURATION, ...env },
    stderr: 'pipe',
  });
  let errors = '';
  transport.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    {
      ...(negotiate !== undefined && { versionNegotiation: { mode: negotiate } }),
      ...(elicit && { capabilities: { elicitation: { form: {} } } }),
    },
  );
  if (elicit)
    client.setRequestHandler('elicitation/create', ({ params }) => {
      const decision = elicit(params.message);
      return decision === undefined ? { action: 'cancel' } : { action: 'accept', content: { decision } };
    });
  try {
    await client.connect(transport);
  } catch (error) {
    throw new Error(`the server did not answer:\n${errors}`, { cause: error });
  }
  return {
    client,
    pid: transport.pid ?? 0,
    errors: () => errors,
    async call(name, parameters, options = {}) {
      const result = await client.callTool(
        { name, arguments: { ...parameters } },
        { timeout: PATIENCE_MS, ...options },
      );
      const text = result.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
      return {
        text,
        structured: (result.structuredContent ?? {}) as Record<string, unknown>,
        isError: result.isError === true,
      };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
