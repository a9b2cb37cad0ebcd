import { setMaxListeners } from 'node:events';
import { Client, type Connection } from '@temporalio/client';
import { contractOf, MAIN_QUEUE } from '../contract/index.ts';
import { readHome } from '../home/home.ts';
import { homeRoot } from '../system/home-root.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { hasPollers, pollerIdentities } from '../temporal/pollers.ts';
import { resolveTarget, type TemporalTarget } from '../temporal/target.ts';
import { toSubagentsError } from './errors.ts';
import { soon } from './following.ts';
import { LinkedSignal } from './linked-signal.ts';
import type { ConnectOptions, ServerInfo } from './types.ts';

/** How long an ordinary call may take, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;

export interface CallOptions {
  /** In milliseconds, retries of the client included; default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call at once; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An open connection with its client: deadlines, cancellation and error mapping for every call. Internal to the library. */
export class Link {
  readonly server: ServerInfo;
  readonly client: Client;
  /** No worker has answered a Query lately: until then (epoch milliseconds) none is waited for as long. */
  silentUntil = 0;
  readonly #options: ConnectOptions;
  readonly #connection: Connection;
  /** How fresh a poll must be to count as a worker's, in milliseconds; default: what any server takes. */
  readonly #pollFreshnessMs: number | undefined;
  readonly #ending = new AbortController();
  readonly #closing = new AbortController();
  readonly #lastWords = new Set<Promise<void>>();

  private constructor(options: ConnectOptions, target: TemporalTarget, connection: Connection) {
    const { address, namespace, origin, uiUrl } = target;
    this.#options = options;
    this.server = { address, namespace, origin, uiUrl };
    this.#connection = connection;
    this.#pollFreshnessMs = target.pollFreshnessMs;
    this.client = new Client({ connection, namespace });
    // One listener for each iteration, and for each call under way.
    setMaxListeners(0, this.#ending.signal, this.#closing.signal);
  }

  /** @throws SubagentsError TEMPORAL_UNREACHABLE, BAD_INPUT. */
  static async open(options: ConnectOptions): Promise<Link> {
    const target = await resolveTarget(options);
    return new Link(options, target, await connectTemporal(target));
  }

  /** Aborted when the connection is closed by its owner: every wait and iteration ends with it. */
  get closed(): AbortSignal {
    return this.#ending.signal;
  }

  /** Whether the server is on this machine, by its address. */
  get isOnThisMachine(): boolean {
    return /^(localhost|127\.[\d.]+|\[::1\])(:|$)/.test(this.server.address);
  }

  /** Has closing wait for `work`, for a moment. */
  beforeClose(work: Promise<void>): void {
    this.#lastWords.add(work);
    void work.finally(() => this.#lastWords.delete(work));
  }

  /**
   * Makes a call to the server with a deadline.
   * @param doing what is being done, for the error: `steer fix-login`.
   * @throws SubagentsError, whatever went wrong; the signal's reason when that is aborted.
   */
  async call<T>(doing: string, make: () => Promise<T>, options: CallOptions = {}): Promise<T> {
    const { timeoutMs = CALL_TIMEOUT_MS } = options;
    // The client never lets go of a signal it was given, so each call gets one of its own.
    using linked = new LinkedSignal([this.#closing.signal, options.signal]);
    const { signal } = linked;
    signal.throwIfAborted();
    const aborted = new Promise<never>((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
    );
    try {
      const answer = this.#connection.withAbortSignal(signal, () =>
        this.#connection.withDeadline(Date.now() + timeoutMs, make),
      );
      // The client itself notices an abort only between its retries.
      return await Promise.race([answer, aborted]);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toSubagentsError(error, doing, this.server);
    }
  }

  /** Whether a worker polls `queue`, by default for workflow tasks. The server remembers a dead one for a while. */
  async hasPollers(queue: string = MAIN_QUEUE, kind: 'workflow' | 'activity' = 'workflow'): Promise<boolean> {
    return this.call('look for workers', () =>
      hasPollers(this.#connection, this.server.namespace, queue, kind, { within: this.#pollFreshnessMs }),
    );
  }

  /** The contract versions of the workers that poll `queue`; none where no worker does. */
  async contracts(queue: string, kind: 'workflow' | 'activity'): Promise<number[]> {
    const { namespace } = this.server;
    const identities = await this.call('look for workers', () =>
      pollerIdentities(this.#connection, namespace, queue, kind, this.#pollFreshnessMs),
    );
    return identities.map(contractOf);
  }

  /** The queue of the workers of this host and user. @throws SubagentsError INTERNAL when the home is unreadable. */
  async hostQueue(): Promise<string> {
    const { home, env } = this.#options;
    return (await readHome(homeRoot(home, env), env)).hostQueue;
  }

  /** Ends every wait and iteration, lets what is on its way arrive, then closes the connection. */
  async close(): Promise<void> {
    const reason = new DOMException('The connection was closed.', 'AbortError');
    this.#ending.abort(reason);
    await soon(Promise.allSettled(this.#lastWords));
    this.#closing.abort(reason);
    await this.#connection.close();
  }
}
