/** Decides which workers a subagent may go to, and checks that some are there before a request is sent. */
import {
  CONTRACT_VERSION,
  DEFAULT_POOL,
  hostControlQueue,
  isRepositoryUrl,
  poolControlQueue,
  type ResolvedSpec,
} from '../../contract/index.ts';
import { noPoolWorkerError, noWorkerError, versionError } from '../errors.ts';
import type { Link } from '../connection/link.ts';
import { requireWorker } from '../connection/workers.ts';

/** What to do for a checkout without a worker of its host. It never leaves its machine by itself. */
const BOTH_WAYS =
  'start one here: `subagents up`, or `subagents worker` for an existing Temporal; or send the checkout to a pool: --pool NAME (docs/fleet.md)';

/** Where specs can go: which of these has a worker. */
export class Destinations {
  readonly #link: Link;
  readonly #hostQueue: string;
  readonly #known = new Map<string, Promise<number[]>>();
  #ours: Promise<void> | undefined;

  /** @param hostQueue the queue of the caller's host */
  constructor(link: Link, hostQueue: string) {
    this.#link = link;
    this.#hostQueue = hostQueue;
  }

  /** Asks ahead of `choose` for what each request needs. */
  lookAhead(): void {
    this.#requireOurs().catch(() => undefined);
    this.#host().catch(() => undefined);
  }

  /**
   * Sends a spec of a URL that names no pool to the default pool, or to this host where that pool has no worker. A `file:`
   * URL is as a rule a folder of this host, so the host comes first.
   * @returns the spec, and a note for the caller if the pool was not chosen
   * @throws SubagentsError NO_WORKER when no worker can take it, or none of our contract version
   */
  async choose<S extends Pick<ResolvedSpec, 'repo' | 'pool'>>(
    spec: S,
  ): Promise<{ readonly spec: S; readonly notes: readonly string[] }> {
    if (spec.pool !== undefined) {
      await this.#require(spec.pool);
      return { spec, notes: [] };
    }
    if (!isRepositoryUrl(spec.repo)) {
      await this.#requireHost(BOTH_WAYS);
      return { spec, notes: [] };
    }
    const [inPool, onHost] = await Promise.all([this.#pool(DEFAULT_POOL), this.#host()]);
    const isLocal = spec.repo.startsWith('file:');
    if (inPool.length > 0 && !(isLocal && onHost.length > 0))
      return { spec: { ...spec, pool: DEFAULT_POOL }, notes: [] };
    if (onHost.length === 0) await this.#require(DEFAULT_POOL);
    await this.#requireHost();
    return {
      spec,
      notes: isLocal ? [] : [`no worker is in pool ${DEFAULT_POOL}: a worker of this host takes it`],
    };
  }

  /** @throws SubagentsError NO_WORKER */
  async #require(pool: string): Promise<void> {
    const [, contracts] = await Promise.all([this.#requireOurs(), this.#pool(pool)]);
    if (contracts.length === 0) throw noPoolWorkerError(this.#link.server, pool);
  }

  /** @throws SubagentsError NO_WORKER */
  async #requireHost(remedy?: string): Promise<void> {
    const [, contracts] = await Promise.all([this.#requireOurs(), this.#host()]);
    const who = `no worker of this host and user is running (${this.#hostQueue})`;
    if (contracts.length === 0) throw noWorkerError(this.#link.server, who, remedy);
    if (!contracts.includes(CONTRACT_VERSION)) throw versionError(this.#link.server, contracts);
  }

  /** @throws SubagentsError NO_WORKER when no worker of our contract version runs workflows */
  #requireOurs(): Promise<void> {
    this.#ours ??= requireWorker(this.#link);
    return this.#ours;
  }

  // The control queues: a worker without a free slot polls no other.
  #pool(pool: string): Promise<number[]> {
    return this.#contracts(poolControlQueue(pool));
  }

  #host(): Promise<number[]> {
    return this.#contracts(hostControlQueue(this.#hostQueue));
  }

  #contracts(queue: string): Promise<number[]> {
    const contracts = this.#known.get(queue) ?? this.#link.contracts(queue, 'activity');
    this.#known.set(queue, contracts);
    return contracts;
  }
}
