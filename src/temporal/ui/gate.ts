/**
 * The Web UI's port as a browser sees it: a proxy, with a page of our own (`columns.ts`), that answers only to this
 * machine's own host names. The UI itself answers to any `Host`, so a web page whose name resolves to this machine (DNS
 * rebinding) could read and steer through it. Where messages are encrypted, it is also the one place of the Web UI that
 * has the keys: see `encryption.ts`.
 */
import { createServer, request, Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { pipeline } from 'node:stream';
import { COLUMNS_HEADERS, COLUMNS_PAGE, COLUMNS_PATH } from './columns.ts';
import type { UiEncryption } from './access.ts';
import { passOn, type PassedOn } from './encryption.ts';
import { bodyOf, hasBody, HttpRefusal, refuse, withoutHeaders } from './http.ts';

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
  /** For a server whose messages are encrypted. */
  readonly encryption?: UiEncryption | undefined;
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
export async function openUiGate({ ip, port, upstream, encryption }: UiGateOptions): Promise<UiGate> {
  const agent = new Agent({ keepAlive: true });
  const to = { ...upstream, agent, startedBy: Date.now() + STARTING_MS };
  const serve = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    requireOwnPage(incoming);
    const passedOn =
      encryption === undefined
        ? { rawHeaders: incoming.rawHeaders }
        : await passOn(incoming, answer, encryption, port);
    if (passedOn === undefined) return;
    if (incoming.url?.split('?', 1)[0] === COLUMNS_PATH)
      answer.writeHead(200, COLUMNS_HEADERS).end(COLUMNS_PAGE);
    else forward(incoming, passedOn, answer, to);
  };
  const server = createServer((incoming, answer) => {
    serve(incoming, answer).catch((error: unknown) =>
      refuse(answer, error instanceof HttpRefusal ? error : new HttpRefusal(500, String(error))),
    );
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

/** @throws HttpRefusal for a request that is not from the Web UI's own page */
function requireOwnPage({ headers, rawHeaders, url }: IncomingMessage): void {
  const { host = '', origin } = headers;
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length !== 1 || !OWN_NAME.test(host))
    throw new HttpRefusal(403, 'it only answers requests to localhost and 127.0.0.1');
  // A request target in absolute form has a host of its own.
  if (!url?.startsWith('/')) throw new HttpRefusal(403, 'the target must be a path');
  // Requests from other web pages are not the user's intention.
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    throw new HttpRefusal(403, 'the request comes from another page');
}

function forward(
  incoming: IncomingMessage,
  passedOn: PassedOn,
  answer: ServerResponse,
  to: UiGateOptions['upstream'] & { readonly agent: Agent; readonly startedBy: number },
  deadline = Date.now() + STARTING_MS,
): void {
  const { ip, port, agent, startedBy } = to;
  const { method, url } = incoming;
  const { rawHeaders, body, convert } = passedOn;
  // A dropped request body would be waited for, and the next request on the connection be taken for that body.
  const isBodiless = (method === 'GET' || method === 'HEAD') && !hasBody(incoming);
  const outgoing = request(
    { host: ip, port, agent, method, path: url, headers: rawHeaders, setHost: false },
    (response) => {
      if (response.statusCode === 503 && isBodiless && Date.now() < startedBy) {
        response.resume();
        answer.off('close', endWithAnswer);
        again();
        return;
      }
      if (convert !== undefined && method !== 'HEAD' && isJson(response)) {
        sendConverted(response, answer, convert).catch(() =>
          refuse(answer, new HttpRefusal(502, 'what it answers cannot be decrypted')),
        );
        return;
      }
      answer.writeHead(response.statusCode ?? 502, response.statusMessage, response.rawHeaders);
      pipeline(response, answer, () => undefined);
    },
  );
  const again = (): void => {
    if (!answer.destroyed)
      setTimeout(() => forward(incoming, passedOn, answer, to, deadline), RETRY_MS).unref();
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
    else
      refuse(answer, new HttpRefusal(502, 'it does not answer; the Temporal server may still be starting'));
  });
  if (isBodiless) outgoing.end();
  else if (body !== undefined) outgoing.end(body);
  else pipeline(incoming, outgoing, () => undefined);
}

const isJson = ({ headers }: IncomingMessage): boolean =>
  headers['content-encoding'] === undefined && /^application\/json\b/i.test(headers['content-type'] ?? '');

/** Sends the answer of the Web UI with a new body. */
async function sendConverted(
  response: IncomingMessage,
  answer: ServerResponse,
  convert: NonNullable<PassedOn['convert']>,
): Promise<void> {
  const original = await bodyOf(response);
  const body = original.length === 0 ? original : await convert(original);
  answer.writeHead(response.statusCode ?? 502, response.statusMessage, [
    ...withoutHeaders(response.rawHeaders, 'content-length', 'transfer-encoding', 'cache-control', 'etag'),
    ...['Content-Length', String(body.length), 'Cache-Control', 'no-store'],
  ]);
  answer.end(body);
}
