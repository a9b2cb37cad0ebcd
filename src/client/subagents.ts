import type { CleanOptions, ConnectOptions, FleetListOptions } from './types.ts';
import { DEFAULT_SESSION } from '../contract/protocol/names.ts';
import { runIdentity } from '../contract/reports/identity.ts';
import { cleanTargets } from './removal/clean.ts';
import type { SessionHandle, SubagentHandle } from './handles.ts';
import { SessionClient } from './sessions/session-handle.ts';
import { SubagentClient } from './subagents/subagent-handle.ts';
import { forgetWorker } from './removal/forget.ts';
import { checkPool } from './connection/check-pool.ts';
import { Link } from './connection/link.ts';
import { listApprovals } from './listing/approvals.ts';
import { listFleet } from './listing/listing.ts';
import { findRunAnywhere } from './listing/runs.ts';
import { findRuns, findSessions } from './listing/visibility.ts';
import { listWorkers } from './listing/workers.ts';
import type {
  CleanReport,
  FleetList,
  OpenApproval,
  PoolCheck,
  ServerInfo,
  SessionOverview,
  SubagentIdentity,
  SubagentRow,
  WorkerList,
} from '../contract/index.ts';

/**
 * A connection to the Temporal server that the subagents live on.
 * @example
 * ```ts
 * await using subagents = await Subagents.connect();
 * const session = subagents.session();
 * const fix = await session.spawn({ label: 'fix-login', task: 'The login test fails. Fix it.', verify: ['npm test'] });
 * console.log((await fix.result()).summary);
 * ```
 */
export class Subagents implements AsyncDisposable {
  readonly #link: Link;

  private constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Finds the server and connects to it.
   * @throws SubagentsError TEMPORAL_UNREACHABLE when no server answers, BAD_INPUT for an unknown profile.
   * @example
   * ```ts
   * await using subagents = await Subagents.connect({ address: 'localhost:7233', namespace: 'default' });
   * console.log(subagents.target.origin);
   * ```
   */
  static async connect(options: ConnectOptions = {}): Promise<Subagents> {
    return new Subagents(await Link.open(options));
  }

  /**
   * The server and namespace in use.
   * @example
   * ```ts
   * const { address, namespace, uiUrl } = subagents.target;
   * console.log(address, namespace, uiUrl ?? 'no Web UI');
   * ```
   */
  get target(): ServerInfo {
    return this.#link.server;
  }

  /**
   * A handle of the session of this name. The first spawn creates the session.
   * @throws SubagentsError BAD_INPUT for an illegal name.
   * @example
   * ```ts
   * const session = subagents.session('release-1.4');
   * await session.spawn({ label: 'changelog', task: 'Write CHANGELOG.md, and commit.' });
   * ```
   */
  session(name: string = DEFAULT_SESSION): SessionHandle {
    return new SessionClient(this.#link, name);
  }

  /**
   * All open sessions of the namespace; with `all`, also the closed ones that the server still keeps.
   * @example
   * ```ts
   * for (const { session, open } of await subagents.sessions({ all: true })) console.log(session, open);
   * ```
   */
  async sessions(options: { readonly all?: boolean | undefined } = {}): Promise<SessionOverview[]> {
    return findSessions(this.#link, { all: options.all ?? false });
  }

  /**
   * Lists the subagents of all sessions. Also works without a worker; the list then says so.
   * @example
   * ```ts
   * const { sessions } = await subagents.list({ statuses: ['asking'] });
   * for (const { session, live } of sessions) for (const { label } of live) console.log(`${session}/${label} asks`);
   * ```
   */
  async list(options: FleetListOptions = {}): Promise<FleetList> {
    return listFleet(this.#link, options);
  }

  /**
   * Finds a run in any session.
   * @param target a label, `session/label`, a unique prefix, a workflow id, `last`, or `label@N` for an earlier run.
   * @param options.session the session whose labels take precedence; default: none.
   * @throws SubagentsError UNKNOWN_TARGET or AMBIGUOUS_TARGET, with the candidates.
   * @example
   * ```ts
   * const subagent = await subagents.find('release-1.4/changelog');
   * console.log((await subagent.describe()).doing);
   * ```
   */
  async find(
    target: string,
    options: { readonly session?: string | undefined } = {},
  ): Promise<SubagentHandle> {
    const found = await findRunAnywhere(this.#link, target, options.session);
    return new SubagentClient(this.#link, found.session, `${found.label}@${found.run}`, found);
  }

  /**
   * The tool calls of all sessions' subagents that wait for an approval, oldest first.
   * @throws SubagentsError NO_WORKER when no worker is there, which alone knows them.
   * @example
   * ```ts
   * for (const { session, label, id, what } of await subagents.approvals()) console.log(session, label, id, what);
   * ```
   */
  async approvals(): Promise<OpenApproval[]> {
    return listApprovals(this.#link);
  }

  /**
   * Cleans finished subagents as `SubagentHandle.clean` does, but several together: if two of them have the same
   * commits and no other branch has these, one of the two keeps its branch.
   * @param targets as for `find`; `all` means the finished subagents of all sessions.
   * @throws SubagentsError STILL_LIVE, NO_WORKER, TIMEOUT, UNKNOWN_TARGET, AMBIGUOUS_TARGET; BAD_INPUT for a chain.
   * @example
   * ```ts
   * const { freedBytes } = await subagents.clean('all', { merged: true });
   * console.log(`${freedBytes} bytes freed`);
   * ```
   */
  async clean(
    targets: readonly string[] | 'all',
    options: CleanOptions & { readonly session?: string | undefined } = {},
  ): Promise<CleanReport> {
    return cleanTargets(this.#link, targets, options.session, options);
  }

  /**
   * Has a worker of the pool look at what a subagent would need there: server, store, git, Copilot CLI, model, disk, sandbox; with
   * `repo`, whether it can read that URL, and has the programs of set-up and verification of its `.subagents.json`.
   * Changes nothing.
   * @throws SubagentsError NO_WORKER when no worker is in the pool, BAD_INPUT for a path, TIMEOUT.
   * @example
   * ```ts
   * const { ok, checks } = await subagents.checkPool('default', { repo: 'https://example.com/team/shop.git' });
   * for (const { name, result, detail } of ok ? [] : checks) console.log(name, result, detail);
   * ```
   */
  async checkPool(pool: string, options: { readonly repo?: string | undefined } = {}): Promise<PoolCheck> {
    return checkPool(this.#link, pool, options.repo);
  }

  /**
   * The workers of the server: those that are here, and those that went away without having stopped in order. Needs no
   * worker, and no home of one.
   * @example
   * ```ts
   * const { workers } = await subagents.workers();
   * for (const { workerId, host, presence, slots } of workers) console.log(workerId, host, presence, slots?.inUse);
   * ```
   */
  async workers(): Promise<WorkerList> {
    return listWorkers(this.#link);
  }

  /**
   * Gives up a worker that will not come back: its live subagents end as *lost*, with their last known commit, and it is
   * no longer listed. If the worker starts again after all, it ends what it had left running. Also works without any
   * worker.
   * @returns the subagents that ended.
   * @throws SubagentsError BAD_INPUT when the worker is there, UNKNOWN_TARGET when the server knows no such worker.
   * @example
   * ```ts
   * for (const { session, label } of await subagents.forgetWorker('w-abcd2345')) console.log(`${session}/${label} is lost`);
   * ```
   */
  async forgetWorker(workerId: string): Promise<SubagentIdentity[]> {
    const runs = await forgetWorker(this.#link, workerId);
    return runs.map(runIdentity);
  }

  /**
   * The newest runs of all sessions, newest first, from the server's visibility store alone: no worker is needed.
   * @param options.max the maximum number of runs
   * @example
   * ```ts
   * for (const { session, label } of await subagents.runs({ max: 100 })) console.log(`${session}/${label}`);
   * ```
   */
  async runs({ max }: { readonly max: number }): Promise<SubagentRow[]> {
    return findRuns(this.#link, { max });
  }

  /**
   * Whether a worker polls for workflow tasks. Without one, no workflow proceeds, and Updates wait.
   * @example
   * ```ts
   * if (!(await subagents.hasWorkers())) console.error('start one: subagents up');
   * ```
   */
  async hasWorkers(): Promise<boolean> {
    return this.#link.hasPollers();
  }

  /**
   * Ends every wait and iteration that uses this connection, then closes it.
   * @example
   * ```ts
   * const subagents = await Subagents.connect();
   * try {
   *   console.log((await subagents.list()).sessions.length);
   * } finally {
   *   await subagents.close();
   * }
   * ```
   */
  async close(): Promise<void> {
    await this.#link.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
