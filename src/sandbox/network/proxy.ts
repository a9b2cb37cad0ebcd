/**
 * The only way out of a sandbox with a network: an HTTP proxy on a socket in the file system, which the sandbox sees. It
 * resolves names itself, connects only where the sandbox may go, and counts what it refuses.
 */
import { lookup, type LookupAddress } from 'node:dns';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import {
  namesHost,
  parseNetwork,
  withoutBrackets,
  type NetworkAccess,
} from '../../contract/spawn/network.ts';
import { ensurePrivateDir } from '../../system/files.ts';
import { isPublic } from './addresses.ts';
import { SOCKET } from './bridge.ts';

const CONNECT_TIMEOUT_MS = 30_000;
/** Connections at once. */
const MAX_CONNECTIONS = 256;
/** Refused hosts that are kept by name. */
const MAX_HOSTS = 100;
const MAX_HOST_CHARS = 260;

/** Headers that are for the proxy alone. */
const HOP_HEADERS = new Set([
  'proxy-connection',
  'proxy-authorization',
  'connection',
  'keep-alive',
  'te',
  'upgrade',
]);

/** A connection that was refused. */
class Refusal extends Error {}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** The proxy of one sandbox. */
export class NetworkProxy {
  /** How often each host was refused, as `host:port`. */
  readonly refused = new Map<string, number>();
  readonly #access: NetworkAccess;
  readonly #server: Server;

  private constructor(access: NetworkAccess) {
    this.#access = access;
    this.#server = createServer((incoming, response) => void this.#forward(incoming, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#tunnel(incoming, socket, head),
    );
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.unref();
  }

  /**
   * Listens on a socket in `folder`, which it makes.
   * @param network what may be reached (`parseNetwork`)
   */
  static async open(folder: string, network: string): Promise<NetworkProxy> {
    const proxy = new NetworkProxy(parseNetwork(network));
    ensurePrivateDir(folder);
    rmSync(join(folder, SOCKET), { force: true });
    // The path of a socket has at most 107 bytes; by the folder's descriptor it is short.
    const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await new Promise<void>((resolve, reject) => {
        proxy.#server.once('error', reject);
        proxy.#server.listen(`/proc/self/fd/${descriptor}/${SOCKET}`, () => {
          proxy.#server.off('error', reject);
          resolve();
        });
      });
    } finally {
      closeSync(descriptor);
    }
    return proxy;
  }

  /** Ends it and every connection. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #tunnel(incoming: IncomingMessage, client: Duplex, head: Buffer): void {
    client.on('error', () => client.destroy());
    const [, host, port] = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/u.exec(incoming.url ?? '') ?? [];
    if (host === undefined) return void client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    const target = { host: withoutBrackets(host), port: Number(port) };
    let established = false;
    const fail = (error: Error): void => {
      if (established) client.destroy();
      else
        client.end(`HTTP/1.1 ${answerOf(error).status} ${answerOf(error).text}\r\nConnection: close\r\n\r\n`);
    };
    this.#connect(target, fail, (upstream) => {
      established = true;
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      client.once('close', () => upstream.destroy());
      upstream.once('close', () => client.destroy());
      upstream.pipe(client);
      client.pipe(upstream);
    });
  }

  async #forward(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (error: Error): void => {
      if (response.headersSent) return void response.destroy();
      const { status, text } = answerOf(error);
      response
        .writeHead(status, { 'content-type': 'text/plain', connection: 'close' })
        .end(`subagents: ${text}\n`);
    };
    let url: URL;
    try {
      url = new URL(incoming.url ?? '');
      if (url.protocol !== 'http:') throw new Error('no http URL');
    } catch {
      response
        .writeHead(400, { 'content-type': 'text/plain' })
        .end('subagents: this is a proxy: name a whole URL\n');
      return;
    }
    const target = { host: withoutBrackets(url.hostname), port: Number(url.port || 80) };
    try {
      this.#requireAllowed(target);
    } catch (error) {
      return answer(error as Error);
    }
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => !HOP_HEADERS.has(name)),
    );
    const outgoing = request(
      {
        host: target.host,
        port: target.port,
        method: incoming.method,
        path: `${url.pathname}${url.search}`,
        headers: { ...headers, host: url.host },
        lookup: this.#lookup(target),
        agent: false,
        timeout: CONNECT_TIMEOUT_MS,
      },
      (answered) => {
        response.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(response);
      },
    );
    outgoing.on('error', answer);
    response.once('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  #connect(target: Target, fail: (error: Error) => void, connected: (socket: Socket) => void): void {
    try {
      this.#requireAllowed(target);
    } catch (error) {
      return fail(error as Error);
    }
    const socket = connect({ ...target, lookup: this.#lookup(target) });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('it does not answer')));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      connected(socket);
    });
  }

  /** @throws Refusal */
  #requireAllowed({ host, port }: Target): void {
    const named = this.#isNamed({ host, port });
    if (this.#access !== 'all' && !named)
      throw this.#refuse({ host, port }, 'it is not on the list of this sandbox');
    if (isIP(host) !== 0) this.#requireReachable({ host, port }, host);
  }

  /** Addresses of this machine and its network are reached only where a rule names host and port. @throws Refusal */
  #requireReachable(target: Target, address: string): void {
    if (isPublic(address) || this.#isNamed(target, true)) return;
    throw this.#refuse(
      target,
      `${address} is not an address of the internet: it can only be reached where host and port are on the list of this sandbox`,
    );
  }

  #isNamed({ host, port }: Target, withPort = false): boolean {
    if (typeof this.#access === 'string') return false;
    return this.#access.some((rule) => (!withPort || rule.port !== undefined) && namesHost(rule, host, port));
  }

  #refuse({ host, port }: Target, why: string): Refusal {
    const name = `${host.slice(0, MAX_HOST_CHARS)}:${port}`;
    if (this.refused.has(name) || this.refused.size < MAX_HOSTS)
      this.refused.set(name, (this.refused.get(name) ?? 0) + 1);
    return new Refusal(`${name} cannot be reached from here: ${why}`);
  }

  /** Resolves a name for one connection: what was checked is what is connected to. */
  #lookup(target: Target): LookupFunction {
    return (name, options, callback) => {
      lookup(name, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, '', 4);
        try {
          for (const { address } of addresses) this.#requireReachable(target, address);
        } catch (refusal) {
          return callback(refusal as Error, '', 4);
        }
        const [first] = addresses as [LookupAddress];
        if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    };
  }
}

function answerOf(error: Error): { readonly status: number; readonly text: string } {
  if (error instanceof Refusal) return { status: 403, text: error.message };
  return { status: 502, text: error.message.replace(/[\r\n]+/gu, ' ') };
}
