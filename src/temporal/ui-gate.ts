/**
 * The Web UI's port as a browser sees it: a proxy, with a page of our own (`ui-columns.ts`), that answers only to this
 * machine's own host names. The UI itself answers to any `Host`, so a web page whose name resolves to this machine (DNS
 * rebinding) could read and steer through it.
 */
import { createServer, request, Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { pipeline } from 'node:stream';
import { COLUMNS_HEADERS, COLUMNS_PAGE, COLUMNS_PATH } from './ui-columns.ts';

/** A listening gate. */
export interface UiGate {
  /** The address of the UI for a browser. */
  readonly url: string;
  /** Stops listening, and closes all connections. */
  close(): Promise<void>;
}

/** Where the gate listens, and where the UI is. */
export interface UiGateOptions {
  readonly ip: string;
  readonly port: number;
  /** Where the UI itself listens. */
  readonly upstream: { readonly ip: string; readonly port: number };
}

/**
 * The UI starts a moment after the server, and connects to it a moment later (503 until then). GET and HEAD requests
 * are retried meanwhile: for how long and at which interval, in milliseconds.
 */
const STARTING_MS = 10_000;
const RETRY_MS = 100;

/** Host names that no DNS server can redirect, with any port, because the far end of a tunnel has another one. */
const OWN_NAME = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/** @throws the error of listening: EADDRINUSE if another process has the port */
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

/** Why a request is refused; undefined if it is forwarded. */
function whyRefused({ headers, rawHeaders, url }: IncomingMessage): string | undefined {
  const { host = '', origin } = headers;
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1 || !OWN_NAME.test(host))
    return 'it only answers requests to localhost and 127.0.0.1';
  // A request target in absolute form has a host of its own.
  if (!url?.startsWith('/')) return 'the target must be a path';
  // Requests from other web pages are not the user's intention.
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
  // A dropped request body would be waited for, and the next request on the connection be taken for that body.
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
    else refuse(answer, 502, 'it does not answer; the Temporal server may still be starting');
  });
  if (isBodiless) outgoing.end();
  else pipeline(incoming, outgoing, () => undefined);
}

function refuse(answer: ServerResponse, status: number, why: string): void {
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  answer.end(`The Temporal Web UI of subagents: ${why}.\n`);
}
