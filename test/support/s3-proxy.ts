/** A proxy before a service that speaks S3: what it does to the requests can be changed at any time. */
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to a request. */
export type Attack =
  | 'none'
  /** Answers with this status and code (without one: with nothing), and passes nothing on. */
  | { readonly status: number; readonly code: string }
  /** Cuts the connection in the middle of what is sent to the service, or of its answer. */
  | 'cut-request'
  | 'cut-answer'
  /** The service gets it, and its answer is lost. */
  | 'lose-answer'
  /** Changes a byte of what is sent, or of the answer. */
  | 'corrupt-request'
  | 'corrupt-answer'
  /** Never answers. */
  | 'silent';

export interface S3Proxy extends AsyncDisposable {
  readonly endpoint: string;
  /** How many requests it has seen. */
  readonly seen: number;
  /** What happens to a request, decided when it comes. */
  attack: (request: { readonly method: string; readonly path: string; readonly index: number }) => Attack;
}

/** Starts a proxy before `endpoint`. */
export async function startS3Proxy(endpoint: string): Promise<S3Proxy> {
  const { hostname, port } = new URL(endpoint);
  let seen = 0;
  const proxy = {
    attack: (() => 'none') as S3Proxy['attack'],
  };
  const server = createServer((request, response) => {
    void (async () => {
      const [method, path] = [request.method ?? '', request.url ?? ''];
      const attack = proxy.attack({ method, path, index: seen++ });
      const body = await bytesOf(request);
      if (attack === 'silent') return;
      if (typeof attack === 'object') return refuse(response, attack);
      if (attack === 'cut-request') {
        request.socket.destroy();
        return;
      }
      const sent = attack === 'corrupt-request' ? flipped(body) : body;
      // The signature is of the host that the client means.
      const headers = { ...request.headers, 'content-length': String(sent.length) };
      const forward = send(
        { hostname, port, method, path, headers: method === 'GET' ? request.headers : headers },
        (answer) => {
          void (async () => {
            const content = await bytesOf(answer);
            if (attack === 'lose-answer') return void request.socket.destroy();
            response.writeHead(answer.statusCode ?? 502, answer.headers);
            if (attack === 'cut-answer') {
              response.write(content.subarray(0, content.length / 2));
              setTimeout(() => request.socket.destroy(), 20);
              return;
            }
            response.end(attack === 'corrupt-answer' ? flipped(content) : content);
          })();
        },
      );
      forward.on('error', () => request.socket.destroy());
      forward.end(sent);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get seen() {
      return seen;
    },
    get attack() {
      return proxy.attack;
    },
    set attack(attack) {
      proxy.attack = attack;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(
  response: ServerResponse,
  { status, code }: { readonly status: number; readonly code: string },
): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  if (code === '') return void response.end();
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>as the test says</Message></Error>`);
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function flipped(content: Buffer): Buffer {
  const changed = Buffer.from(content);
  const at = Math.floor(changed.length / 2);
  if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
