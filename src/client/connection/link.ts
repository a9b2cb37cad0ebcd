import { setMaxListeners } from 'node:events';
import { Client } from '@temporalio/client';
import {
  contractOf,
  firstProblem,
  MAIN_QUEUE,
  poolName,
  SubagentsError,
  UnreadablePayload,
  validate,
  type ServerInfo,
} from '../../contract/index.ts';
import { readHome, type HomeView } from '../../home/home.ts';
import { ownIdentity } from '../../home/machine.ts';
import { homeRoot } from '../../system/home-root.ts';
import type { Keys } from '../../keys/keys.ts';
import { Store } from '../../store/store.ts';
import { clientDataConverter } from '../../temporal/data-converter.ts';
import {
  hasPollers,
  POLL_FRESHNESS_MS,
  pollerIdentities,
  pollsOf,
  type Poll,
} from '../../temporal/pollers.ts';
import { SteadyConnection } from '../../temporal/steady-connection.ts';
import { keysForServer } from '../../temporal/server-keys.ts';
import { resolveTemporalTarget } from '../../temporal/target.ts';
import { readUpFile } from '../../temporal/up-file.ts';
import { toSubagentsError, unreadableAnswer } from '../errors.ts';
import { settleWithin } from '../sessions/following.ts';
import { LinkedSignal } from './linked-signal.ts';
import type { ConnectOptions } from '../types.ts';

/** How long an ordinary call may take, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;

/** Options of `Link.call`. */
export interface LinkCallOptions {
  /** Deadline in milliseconds, which includes the client's retries; default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call at once. The call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An open connection with its client: deadlines, cancellation and error mapping for every call. Internal to the library. */
export class Link {
  readonly client: Client;
  /** Who acts, as the audit shows it. */
  readonly identity: string;
  /** Until this time (epoch milliseconds) Queries have a short timeout, because no worker answered one recently. */
  silentUntil = 0;
  readonly #options: ConnectOptions;
  readonly #connection: SteadyConnection;
  readonly #keys: Keys | undefined;
  #store: Promise<Store> | undefined;
  readonly #ending = new AbortController();
  readonly #closing = new AbortController();
  readonly #pendingWork = new Set<Promise<void>>();

  private constructor(options: ConnectOptions, connection: SteadyConnection, keys: Keys | undefined) {
    this.#options = options;
    this.#connection = connection;
    this.#keys = keys;
    const { namespace } = connection.target;
    this.identity = options.identity ?? ownIdentity('library', options.env);
    this.client = new Client({
      connection,
      namespace,
      identity: this.identity,
      dataConverter: clientDataConverter(keys, namespace),
    });
    // Each iteration and each running call adds a listener.
    setMaxListeners(0, this.#ending.signal, this.#closing.signal);
  }

  /** Connects to the server. @throws SubagentsError TEMPORAL_UNREACHABLE, BAD_INPUT, KEYS_UNREADABLE, KEY_MISSING. */
  static async open(options: ConnectOptions): Promise<Link> {
    const { home, env = process.env } = options;
    const connection = await SteadyConnection.open(() => resolveTemporalTarget(options));
    try {
      const root = homeRoot(home, env);
      const keys = await keysForServer(root, env, connection.target, connection.identity);
      return new Link(options, connection, keys);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** The server, as of the last connection to it. */
  get server(): ServerInfo {
    const { address, namespace, origin, uiUrl, embedded } = this.#connection.target;
    return { address, namespace, origin, uiUrl, embedded };
  }

  /** Maximum age of a poll that proves a worker, in milliseconds; undefined: the default of `hasPollers`. */
  get #pollFreshnessMs(): number | undefined {
    return this.#connection.target.pollFreshnessMs;
  }

  /** Aborted when the owner closes the connection, which ends every wait and iteration. */
  get closed(): AbortSignal {
    return this.#ending.signal;
  }

  /** For calls that would otherwise just end, such as iterations. @throws SubagentsError CLOSED after `close` */
  requireOpen(): void {
    this.#ending.signal.throwIfAborted();
  }

  /** Whether the server is on this machine, by its address. */
  get isOnThisMachine(): boolean {
    return /^(localhost|127\.[\d.]+|\[::1\])(:|$)/.test(this.server.address);
  }

  /** Makes `close` wait for `work`, for at most a second. */
  beforeClose(work: Promise<void>): void {
    this.#pendingWork.add(work);
    void work.finally(() => this.#pendingWork.delete(work));
  }

  /**
   * Makes a call to the server with a deadline.
   * @param doing the action, for the error message: `steer fix-login`.
   * @throws SubagentsError for every failure; the signal's reason when the signal is aborted.
   */
  async call<T>(doing: string, make: () => Promise<T>, options: LinkCallOptions = {}): Promise<T> {
    const { timeoutMs = CALL_TIMEOUT_MS } = options;
    // The client keeps a reference to each signal for ever, so each call gets its own.
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
      const given = await Promise.race([answer, aborted]);
      if (given instanceof UnreadablePayload) throw unreadableAnswer(given, `the answer to "${doing}"`);
      return given;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toSubagentsError(error, doing, this.server);
    }
  }

  /** Whether a worker polls `queue`, by default for workflow tasks. A dead worker still counts for a while. */
  async hasPollers(queue: string = MAIN_QUEUE, kind: 'workflow' | 'activity' = 'workflow'): Promise<boolean> {
    return this.call('look for workers', () =>
      hasPollers(this.#connection, this.server.namespace, queue, kind, { within: this.#pollFreshnessMs }),
    );
  }

  /** Whether a poll at this time (epoch milliseconds) shows that its worker is there. */
  isRecentPoll(at: number): boolean {
    return at >= Date.now() - (this.#pollFreshnessMs ?? POLL_FRESHNESS_MS);
  }

  /** The pollers of `queue` that the server remembers, each with its last poll. */
  async polls(queue: string, kind: 'workflow' | 'activity'): Promise<Poll[]> {
    return this.call('look for workers', () => pollsOf(this.#connection, this.server.namespace, queue, kind));
  }

  /** The contract versions of the workers that poll `queue`; empty when no worker does. */
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

  /** The pool of spawns that name none (`SUBAGENTS_POOL`). @throws SubagentsError BAD_INPUT */
  get pool(): string | undefined {
    const { env = process.env } = this.#options;
    const name = env['SUBAGENTS_POOL']?.trim();
    if (!name) return undefined;
    const parsed = validate(poolName, name);
    if (parsed.success) return parsed.data;
    throw new SubagentsError('BAD_INPUT', `SUBAGENTS_POOL=${name}: ${firstProblem(parsed.error)}`, {
      remedy: 'correct SUBAGENTS_POOL, or unset it',
    });
  }

  /**
   * The store that checkouts go to a pool through.
   * @throws SubagentsError NO_STORE, OTHER_STORE, and as `Store.open`
   */
  async store(): Promise<Store> {
    const { env = process.env } = this.#options;
    this.#store ??= Store.require({ env, keys: this.#keys });
    try {
      return await this.#store;
    } catch (error) {
      this.#store = undefined;
      throw error;
    }
  }

  /** The caller's home, when the server is the one that `up` runs in this home; else undefined. */
  async ownHome(): Promise<HomeView | undefined> {
    const { home, env } = this.#options;
    const root = homeRoot(home, env);
    return readUpFile(root)?.address === this.server.address ? await readHome(root, env) : undefined;
  }

  /** Ends every wait and iteration, waits up to a second for pending work, then closes the connection. */
  async close(): Promise<void> {
    const reason = new SubagentsError('CLOSED', 'this connection was closed', {
      remedy: 'make a new one: Subagents.connect()',
    });
    this.#ending.abort(reason);
    await settleWithin(Promise.allSettled(this.#pendingWork));
    this.#closing.abort(reason);
    await this.#connection.close();
  }
}
