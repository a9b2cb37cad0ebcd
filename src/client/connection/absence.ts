/** Whose worker gives no sign of life: nothing of such a subagent moves, whatever its status. */
import { workerControlQueue, type LiveStatus, type Status } from '../../contract/index.ts';
import type { Inspection } from '../subagents/inspect.ts';
import type { Link } from './link.ts';
import type { Absence } from '../types.ts';

/** Silence after which a worker counts as away that has an activity: it gives a sign of life every two seconds. */
const SILENT_MS = 5_000;

/** Looks whether workers are there, at each once. */
export class WorkerLooks {
  readonly #link: Link;
  readonly #polls = new Map<string, Promise<boolean>>();

  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Whether a worker that has an activity is there. The server takes one that was killed for there for a while, by its last
   * poll; what it last heard from it tells sooner, where its clock is ours.
   */
  async isThere({ workerId, heardAt }: { workerId: string; heardAt: Date }): Promise<boolean> {
    if (this.#link.isOnThisMachine && Date.now() - heardAt.getTime() > SILENT_MS) return false;
    const known = this.#polls.get(workerId);
    if (known !== undefined) return known;
    const polls = this.#link.hasPollers(workerControlQueue(workerId), 'activity');
    this.#polls.set(workerId, polls);
    return polls;
  }
}

/** Where a worker is at something for a subagent. */
const AT_WORK: ReadonlySet<Status> = new Set<LiveStatus>(['preparing', 'working', 'verifying', 'stopping']);

/**
 * The absence of the worker that has a live subagent; undefined where it is there, or none has it.
 * @param answers whether the workflow can be asked, so that some worker is there
 */
export async function absenceOf(
  { status, worker, task, startedAt }: Inspection,
  workers: WorkerLooks,
  answers: boolean,
): Promise<Absence | undefined> {
  if (worker === undefined) {
    // The server has given up what it was at, and nobody is there to go on.
    const given = !answers && AT_WORK.has(status);
    return given ? { since: task?.since.toISOString() ?? startedAt } : undefined;
  }
  const { workerId, heardAt } = worker;
  return (await workers.isThere(worker)) ? undefined : { workerId, since: heardAt.toISOString() };
}
