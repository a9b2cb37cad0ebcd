/**
 * The port of the Web UI as a browser sees it: a proxy, with a page of our own (`ui-columns.ts`), that answers to this machine's own names alone. The UI itself answers
 * to any `Host`: a web page whose name is pointed at this machine (DNS rebinding) would read and steer through it.
 */
import { createServer, request, Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { pipeline } from 'node:stream';
import { COLUMNS_HEADERS, COLUMNS_PAGE, COLUMNS_PATH } from './ui-columns.ts';

/** A gate that listens. */
export interface UiGate {
  /** Where a browser finds the UI. */
  readonly url: string;
  /** Ends it, with the connections that it has. */
  close(): Promise<void>;
}

export interface UiGateOptions {
  readonly ip: string;
  readonly port: number;
  /** Where the UI listens. */
  readonly upstream: { readonly ip: string; readonly port: number };
}

/**
 * The UI answers a moment after the server does, and finds the server a moment later (503 until then): how long, and how often, a
 * page that only reads is asked for again, in milliseconds.
 */
const STARTING_MS = 10_000;
const RETRY_MS = 100;

/** Names that no DNS server can point elsewhere, with any port: the far end of a tunnel has another one. */
const OWN_NAME = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/** @throws the error of listening: EADDRINUSE where another process has the port */
export async function openUiGate({ ip, port, upstream }: UiGateOptions): Promise<UiGate> {
  const agent = new Agent({ keepAlive: true });
  const startedBy = Date.now() + STARTING_MS;
  const server = createServer((incoming, answer) => {
    const refusal = whyRefused(incoming);
    if (refusal !== undefined) refuse(answer, 403, refusal);
    else if (incoming.url?.split('?', 1)[0] === COLUMNS_PATH)
      answer.writeHead(200, COLUMNS_HEADERS).end(COLUMNS_PAGE);
    else forward(incoming, answer, { ...upstream, agent, startedBy });
  });
  server.listen(port, ip);
  await once(server, 'listening');
  return {
    url: `http://${ip}:${port}`,
    close: async () => {
      agent.destroy();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Why a request is not let through; undefined when it is. */
function whyRefused({ headers, rawHeaders, url }: IncomingMessage): string | undefined {
  const { host = '', origin } = headers;
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1 || !OWN_NAME.test(host)) return 'it answers to localhost and 127.0.0.1 alone';
  // A target in absolute form names a host of its own.
  if (!url?.startsWith('/')) return 'the target must be a path';
  // Whoever has opened another page does not mean what that page sends here.
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    return 'the request comes from another page';
  return undefined;
}

function forward(
  incoming: IncomingMessage,
  answer: ServerResponse,
  to: UiGateOptions['upstream'] & { readonly agent: Agent; readonly startedBy: number },
  deadline = Date.now() + STARTING_MS,
): void {
  const { ip, port, agent, startedBy } = to;
  const { method, url, headers, rawHeaders } = incoming;
  // One with a body that is not passed on would be waited for, and what comes next on the connection be taken for it.
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  const isBodiless = (method === 'GET' || method === 'HEAD') && !hasBody;
  const outgoing = request(
    { host: ip, port, agent, method, path: url, headers: rawHeaders, setHost: false },
    (response) => {
      if (response.statusCode === 503 && isBodiless && Date.now() < startedBy) {
        response.resume();
        answer.off('close', endWithAnswer);
        again();
        return;
      }
      answer.writeHead(response.statusCode ?? 502, response.statusMessage, response.rawHeaders);
      pipeline(response, answer, () => undefined);
    },
  );
  const again = (): void => {
    if (!answer.destroyed) setTimeout(() => forward(incoming, answer, to, deadline), RETRY_MS).unref();
  };
  const endWithAnswer = (): void => {
    if (!answer.writableFinished) outgoing.destroy();
  };
  answer.on('close', endWithAnswer);
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    answer.off('close', endWithAnswer);
    const isStarting = error.code === 'ECONNREFUSED' && Date.now() < deadline;
    if (answer.headersSent) answer.destroy();
    else if (isBodiless && isStarting) again();
    else refuse(answer, 502, 'it does not answer; the Temporal server may just be starting');
  });
  if (isBodiless) outgoing.end();
  else pipeline(incoming, outgoing, () => undefined);
}

function refuse(answer: ServerResponse, status: number, why: string): void {
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  answer.end(`The Temporal Web UI of subagents: ${why}.\n`);
}
