/** Detects subagents whose worker is away. Their reported status is stale. */
import { workerControlQueue, type LiveStatus, type Status, type Absence } from '../../contract/index.ts';
import type { Inspection } from '../subagents/inspect.ts';
import type { Link } from './link.ts';

/**
 * A worker with an activity counts as away after this silence, in milliseconds. It sends a heartbeat every two seconds.
 */
const SILENT_MS = 5_000;

/** Checks whether workers are there, and asks the server at most once for each. */
export class WorkerPresence {
  readonly #link: Link;
  readonly #polls = new Map<string, Promise<boolean>>();

  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Whether a worker that has an activity is there. For the server, the last poll of a killed worker counts for a
   * while. The last heartbeat shows the death sooner, but only a server on this machine has the same clock.
   */
  async isPresent({ workerId, heardAt }: { workerId: string; heardAt: Date }): Promise<boolean> {
    if (this.#link.isOnThisMachine && Date.now() - heardAt.getTime() > SILENT_MS) return false;
    const known = this.#polls.get(workerId);
    if (known !== undefined) return known;
    const polls = this.#link.hasPollers(workerControlQueue(workerId), 'activity');
    this.#polls.set(workerId, polls);
    return polls;
  }
}

/** Statuses in which a worker runs an activity of the subagent. */
const RUNS_ACTIVITY: ReadonlySet<Status> = new Set<LiveStatus>([
  'preparing',
  'working',
  'verifying',
  'stopping',
]);

/**
 * Describes the absence of the worker that has a live subagent.
 * @param answers whether the workflow answers Queries, which means that some worker is there
 * @returns undefined when the worker is there, or no worker has the subagent
 */
export async function absenceOf(
  { status, worker, task, startedAt }: Inspection,
  workers: WorkerPresence,
  answers: boolean,
): Promise<Absence | undefined> {
  if (worker === undefined) {
    // The server has given up the activity, and no worker is there to go on.
    const isAbandoned = !answers && RUNS_ACTIVITY.has(status);
    return isAbandoned ? { since: task?.since.toISOString() ?? startedAt } : undefined;
  }
  const { workerId, heardAt } = worker;
  return (await workers.isPresent(worker)) ? undefined : { workerId, since: heardAt.toISOString() };
}
