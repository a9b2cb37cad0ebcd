import type {
  CleanOptions,
  CleanReport,
  ConnectOptions,
  FleetList,
  FleetListOptions,
  ServerInfo,
  SessionOverview,
} from './types.ts';
import { cleanTargets } from './clean.ts';
import { SessionHandle } from './session-handle.ts';
import { SubagentHandle, type SubagentIdentity } from './subagent-handle.ts';
import { forgetWorker } from './forget.ts';
import { Link } from './link.ts';
import { listFleet } from './listing.ts';
import { findRunAnywhere } from './runs.ts';
import { findSessions } from './visibility.ts';

/** The session that is used when none is named. */
export const DEFAULT_SESSION = 'default';

/**
 * A connection to the Temporal server that the subagents live on.
 *
 * ```ts
 * await using subagents = await Subagents.connect();
 * const session = subagents.session();
 * await session.spawn({ label: 'fix-login', task: 'The login test fails. Fix it.', verify: ['npm test'] });
 * for await (const announcement of session.announcements()) console.log(announcement.summary);
 * ```
 */
export class Subagents implements AsyncDisposable {
  readonly #link: Link;

  private constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Finds the server and connects to it.
   * @throws SubagentsError TEMPORAL_UNREACHABLE when nothing answers there, BAD_INPUT for an unknown profile.
   */
  static async connect(options: ConnectOptions = {}): Promise<Subagents> {
    return new Subagents(await Link.open(options));
  }

  /** The server and namespace in use. */
  get target(): ServerInfo {
    return this.#link.server;
  }

  /** A session by name. It comes into being with its first spawn. @throws SubagentsError BAD_INPUT for an illegal name. */
  session(name: string = DEFAULT_SESSION): SessionHandle {
    return new SessionHandle(this.#link, name);
  }

  /** All open sessions of the namespace; with `all`, the closed ones that the server still knows too. */
  async sessions(options: { readonly all?: boolean | undefined } = {}): Promise<SessionOverview[]> {
    return findSessions(this.#link, { all: options.all ?? false });
  }

  /** The subagents of all sessions. Works without a worker too, and says so. */
  async list(options: FleetListOptions = {}): Promise<FleetList> {
    return listFleet(this.#link, options);
  }

  /**
   * The subagent that `target` names, in whatever session: a label, `session/label`, a unique prefix, a workflow id, `last`,
   * or `label@N` for an earlier run.
   * @param options.session where a bare label is looked for first; default: all sessions alike.
   * @throws SubagentsError UNKNOWN_TARGET or AMBIGUOUS_TARGET, with the candidates.
   */
  async find(
    target: string,
    options: { readonly session?: string | undefined } = {},
  ): Promise<SubagentHandle> {
    const found = await findRunAnywhere(this.#link, target, options.session);
    return new SubagentHandle(this.#link, found.session, `${found.label}@${found.run}`, found);
  }

  /**
   * Removes what finished subagents have left, as `SubagentHandle.clean` does, of several as one: of two that have the same
   * commits, and that nothing else has, one keeps its branch.
   * @param targets as `find` takes them, or all of all sessions.
   * @throws SubagentsError STILL_LIVE, NO_WORKER, TIMEOUT, UNKNOWN_TARGET, AMBIGUOUS_TARGET; BAD_INPUT for a chain.
   */
  async clean(
    targets: readonly string[] | 'all',
    options: CleanOptions & { readonly session?: string | undefined } = {},
  ): Promise<CleanReport> {
    return cleanTargets(this.#link, targets, options.session, options);
  }

  /**
   * Gives up a worker that will not come back: its live subagents end as *lost*, with the last commit that is known. What it
   * has left, should it come back all the same, its own start then ends.
   * @returns which subagents those were.
   * @throws SubagentsError BAD_INPUT when the worker is there, NO_WORKER when none is left to end them.
   */
  async forgetWorker(workerId: string): Promise<SubagentIdentity[]> {
    const runs = await forgetWorker(this.#link, workerId);
    return runs.map(({ session, label, run, workflowId, runId }) => ({
      session,
      label,
      run,
      workflowId,
      runId,
    }));
  }

  /** Whether some worker takes workflow tasks: without one nothing moves, and Updates would wait. */
  async hasWorkers(): Promise<boolean> {
    return this.#link.hasPollers();
  }

  /** Ends every wait and iteration that goes over this connection, then closes it. */
  async close(): Promise<void> {
    await this.#link.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
