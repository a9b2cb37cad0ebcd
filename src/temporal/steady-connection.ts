/**
 * A connection to one server, wherever it is. If the server goes away, the next call finds its current address and
 * reconnects; a different server, even at the same address, is sent nothing.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import {
  isGrpcServiceError,
  type Connection,
  type ConnectionLike,
  type Metadata,
  type OperatorService,
  type WorkflowService,
} from '@temporalio/client';
import { SubagentsError } from '../contract/errors.ts';
import { openConnection, type OpenConnection } from './connect.ts';
import type { ServerIdentity } from './server-identity.ts';
import type { TemporalTarget } from './target.ts';

/** What applies to all calls of a scope. */
interface Scope {
  readonly deadline?: number;
  readonly abortSignal?: AbortSignal;
  readonly metadata?: Metadata;
}
type Service = 'workflowService' | 'operatorService';
type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** How long a call waits for its server to return, in milliseconds. */
const RETURN_MS = 10_000;
/** Milliseconds between attempts to find the server, doubled from the first to the last. */
const RETRY_MS = { first: 50, last: 1_000 };
/** gRPC status codes of calls whose connection was lost (https://grpc.io/docs/guides/status-codes/). */
const LOST_CODES: ReadonlySet<number> = new Set([1, 2, 13, 14]);

interface Open extends OpenConnection {
  readonly target: TemporalTarget;
}

/** Can be used in place of a `Connection` by Temporal's clients. */
export class SteadyConnection implements ConnectionLike {
  readonly workflowService = this.#forward<WorkflowService>('workflowService');
  readonly operatorService = this.#forward<OperatorService>('operatorService');
  readonly plugins = [];
  readonly #resolve: () => Promise<TemporalTarget>;
  readonly #scope = new AsyncLocalStorage<Scope>();
  #open: Promise<Open> | undefined;
  #identity: ServerIdentity | undefined;
  #target: TemporalTarget | undefined;
  #isClosed = false;

  private constructor(resolve: () => Promise<TemporalTarget>) {
    this.#resolve = resolve;
  }

  /**
   * Connects to the server that `resolve` finds.
   * @param resolve called again each time the connection is lost
   * @throws SubagentsError what `resolve` throws; TEMPORAL_UNREACHABLE
   */
  static async open(resolve: () => Promise<TemporalTarget>): Promise<SteadyConnection> {
    const connection = new SteadyConnection(resolve);
    await connection.#current();
    return connection;
  }

  /** The target of the last successful connection. */
  get target(): TemporalTarget {
    if (this.#target === undefined) throw new SubagentsError('INTERNAL', 'it was never connected');
    return this.#target;
  }

  /** The identity of the server. */
  get identity(): ServerIdentity {
    if (this.#identity === undefined) throw new SubagentsError('INTERNAL', 'it was never connected');
    return this.#identity;
  }

  async ensureConnected(): Promise<void> {
    await this.#current();
  }

  withDeadline<R>(deadline: number | Date, run: () => Promise<R>): Promise<R> {
    return this.#within({ deadline: Number(deadline) }, run);
  }

  withAbortSignal<R>(abortSignal: AbortSignal, run: () => Promise<R>): Promise<R> {
    return this.#within({ abortSignal }, run);
  }

  withMetadata<R>(metadata: Metadata, run: () => Promise<R>): Promise<R> {
    return this.#within({ metadata: { ...this.#scope.getStore()?.metadata, ...metadata } }, run);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const open = await this.#open?.catch(() => undefined);
    await open?.connection.close();
  }

  #within<R>(scope: Scope, run: () => Promise<R>): Promise<R> {
    return this.#scope.run({ ...this.#scope.getStore(), ...scope }, run);
  }

  #forward<T>(service: Service): T {
    return new Proxy(
      {},
      {
        get: (_target, method) =>
          typeof method === 'string' ? (...args: unknown[]) => this.#send(service, method, args) : undefined,
      },
    ) as T;
  }

  /** Sends a call to the server, and again if the connection is lost meanwhile. */
  async #send(service: Service, method: string, args: unknown[]): Promise<unknown> {
    const scope = this.#scope.getStore() ?? {};
    const deadline = scope.deadline ?? Date.now() + RETURN_MS;
    for (;;) {
      const open = await this.#usable(deadline, scope.abortSignal);
      const methods = open.connection[service] as unknown as Methods;
      try {
        return await within(open.connection, { ...scope, deadline }, async () => methods[method]?.(...args));
      } catch (error) {
        const isOver = scope.abortSignal?.aborted === true || Date.now() >= deadline || this.#isClosed;
        if (isOver || !open.isLost() || !isGrpcServiceError(error) || !LOST_CODES.has(error.code))
          throw error;
      }
    }
  }

  /** The connection, waiting a limited time for its return. */
  async #usable(deadline: number, signal: AbortSignal | undefined): Promise<Open> {
    const patience = Math.min(deadline, Date.now() + RETURN_MS);
    for (let wait = RETRY_MS.first; ; wait = Math.min(wait * 2, RETRY_MS.last)) {
      try {
        return await withinDeadline(this.#current(), patience);
      } catch (error) {
        if (this.#isClosed || !isAway(error) || Date.now() + wait >= patience) throw error;
      }
      await delay(wait, undefined, { signal });
    }
  }

  /** The open connection; a new one if it was lost. Concurrent callers share one attempt. */
  async #current(): Promise<Open> {
    const before = this.#open;
    const open = await before;
    if (open !== undefined && !open.isLost()) return open;
    if (this.#open !== before) return this.#current();
    if (this.#isClosed) throw new SubagentsError('TEMPORAL_UNREACHABLE', 'the connection was closed');
    void open?.connection.close().catch(() => undefined);
    const opening = this.#connect();
    this.#open = opening;
    opening.catch(() => {
      if (this.#open === opening) this.#open = undefined;
    });
    return opening;
  }

  async #connect(): Promise<Open> {
    const target = await this.#resolve();
    // If nothing runs in the home, `resolve` may find some other configured server, but its subagents do not live
    // there.
    if (this.#target?.identity !== undefined && target.identity === undefined)
      throw new SubagentsError(
        'TEMPORAL_UNREACHABLE',
        `the Temporal server at ${this.#target.address} is down (chosen by ${this.#target.origin})`,
        { remedy: 'start it with `subagents up`' },
      );
    const open = await openConnection(target);
    const problem = this.#isAnother(target, open.identity);
    if (problem !== undefined || this.#isClosed) await open.connection.close();
    if (problem !== undefined) throw problem;
    this.#identity ??= open.identity;
    this.#target = target;
    return { ...open, target };
  }

  /** The error if the responding server is not this connection's server, or not the one that the target means. */
  #isAnother(target: TemporalTarget, found: ServerIdentity): SubagentsError | undefined {
    const { address, namespace, origin } = target;
    const where = `Temporal at ${address}, namespace "${namespace}" (chosen by ${origin})`;
    // The home's record names its server. While that server is away, another one answers at the address.
    if (target.identity !== undefined && !isSame(target.identity, found))
      return new SubagentsError(
        'TEMPORAL_UNREACHABLE',
        `${where}: the server there belongs to ${homeName(found)}; the server of this home is down`,
        { remedy: 'start it with `subagents up`' },
      );
    if (this.#identity === undefined || isSame(this.#identity, found)) return undefined;
    return new SubagentsError(
      'OTHER_SERVER',
      `${where} is now another server: it belongs to ${homeName(found)}`,
      {
        remedy: 'if you want to use that server, connect again; the request was not sent to it',
      },
    );
  }
}

const isSame = (one: ServerIdentity, other: ServerIdentity): boolean =>
  one.namespaceId === other.namespaceId && one.homeId === other.homeId;

const homeName = ({ homeId }: ServerIdentity): string =>
  homeId === undefined ? 'no home' : `the home of ${homeId}`;

/** Whether the server may return soon. */
const isAway = (error: unknown): boolean =>
  error instanceof SubagentsError && error.code === 'TEMPORAL_UNREACHABLE';

function within<R>(connection: Connection, scope: Scope, run: () => Promise<R>): Promise<R> {
  const { deadline, abortSignal, metadata = {} } = scope;
  const timed = (): Promise<R> => (deadline === undefined ? run() : connection.withDeadline(deadline, run));
  const endable = (): Promise<R> =>
    abortSignal === undefined ? timed() : connection.withAbortSignal(abortSignal, timed);
  return connection.withMetadata(metadata, endable);
}

/** @throws SubagentsError TEMPORAL_UNREACHABLE after `until`, in milliseconds since the epoch */
async function withinDeadline<T>(work: Promise<T>, until: number): Promise<T> {
  const over = new AbortController();
  const late = delay(Math.max(0, until - Date.now()), undefined, { signal: over.signal }).then(() => {
    throw new SubagentsError('TEMPORAL_UNREACHABLE', 'connecting to the server took too long', {
      remedy: 'see `subagents status`, or start one with `subagents up`',
    });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    late.catch(() => undefined);
    over.abort();
  }
}
