/** Detects subagents whose worker is away. Their reported status is stale. */
import {
  poolOfQueue,
  presenceQueue,
  workerOfQueue,
  workerQueue,
  type Absence,
  type LiveStatus,
  type Status,
} from '../../contract/index.ts';
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
    return this.hasWorker(workerQueue(workerId));
  }

  /** Whether a worker is there that takes what waits in `queue`. */
  hasWorker(queue: string): Promise<boolean> {
    const polls = this.#polls.get(queue) ?? this.#link.hasPollers(presenceQueue(queue), 'activity');
    this.#polls.set(queue, polls);
    return polls;
  }
}

/** Statuses in which a worker runs an activity of the subagent. */
const RUNS_ACTIVITY: ReadonlySet<Status> = new Set<LiveStatus>([
  'queued',
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
  { status, worker, task, startedAt, waitsIn, since }: Inspection,
  workers: WorkerPresence,
  answers: boolean,
): Promise<Absence | undefined> {
  if (waitsIn !== undefined)
    return (await workers.hasWorker(waitsIn)) ? undefined : absenceFrom(waitsIn, since ?? startedAt);
  if (worker === undefined) {
    // The server has given up the activity, and no worker is there to go on.
    const isAbandoned = !answers && RUNS_ACTIVITY.has(status);
    return isAbandoned ? { since: task?.since.toISOString() ?? startedAt } : undefined;
  }
  const { workerId, heardAt } = worker;
  return (await workers.isPresent(worker)) ? undefined : { workerId, since: heardAt.toISOString() };
}

/** The absence of every worker that takes what waits in `queue`. @param since ISO 8601, when it began to wait */
export function absenceFrom(queue: string, since: string): Absence {
  const workerId = workerOfQueue(queue);
  const pool = poolOfQueue(queue);
  return { since, ...(workerId !== undefined && { workerId }), ...(pool !== undefined && { pool }) };
}
