/** The workers of a server. Needs no worker, and no home of one. */
import {
  contractOf,
  MAIN_QUEUE,
  WORKER,
  WORKER_ID,
  workerControlQueue,
  workerDescription,
  workerHostOf,
  workerOf,
  workerOfWorkflow,
  type WorkerInfo,
  type WorkerList,
} from '../../contract/index.ts';
import type { Poll } from '../../temporal/pollers.ts';
import { concurrently } from '../connection/concurrency.ts';
import type { Link } from '../connection/link.ts';

/** How long the server remembers a poll, in milliseconds, and a little more. */
const POLL_MEMORY_MS = 6 * 60_000;

/** See `Subagents.workers`. */
export async function listWorkers(link: Link): Promise<WorkerList> {
  const [{ described, ended }, polls] = await Promise.all([
    describedWorkers(link),
    link.polls(MAIN_QUEUE, 'workflow'),
  ]);
  // Also those that did not describe themselves: of another version, or without permission.
  for (const { identity, at } of polls) {
    const [workerId, host] = [workerOf(identity), workerHostOf(identity)];
    const isKnown = host === undefined || described.has(workerId);
    // The last poll of a worker that has stopped is as recent as that of one that polls.
    if (isKnown || !link.isRecentPoll(at) || at < (ended.get(workerId) ?? 0)) continue;
    described.set(workerId, { workerId, host, versions: { contract: contractOf(identity) } });
  }
  const workers = await concurrently([...described.values()], async (worker): Promise<WorkerInfo> => {
    const last = newest(await link.polls(workerControlQueue(worker.workerId), 'activity'));
    const isHere = link.isRecentPoll(last);
    return {
      ...worker,
      presence: isHere ? 'here' : 'away',
      ...(last > 0 && { lastSeen: new Date(last).toISOString() }),
    };
  });
  return { server: link.server, workers: workers.sort(inOrder) };
}

type Described = Omit<WorkerInfo, 'presence' | 'lastSeen'>;

/** By the ids of the workers: what those with an open workflow say, and when the workflow of others has ended. */
async function describedWorkers(
  link: Link,
): Promise<{ readonly described: Map<string, Described>; readonly ended: ReadonlyMap<string, number> }> {
  const described = new Map<string, Described>();
  const ended = new Map<string, number>();
  const since = new Date(Date.now() - POLL_MEMORY_MS).toISOString();
  const query = `WorkflowType = '${WORKER.workflow}' AND (ExecutionStatus = 'Running' OR CloseTime > '${since}')`;
  await link.call('list workers', async () => {
    for await (const { workflowId, memo, closeTime } of link.client.workflow.list({ query })) {
      const workerId = workerOfWorkflow(workflowId);
      // Anybody may start a workflow, of any name.
      if (!WORKER_ID.test(workerId)) continue;
      if (closeTime !== undefined) {
        ended.set(workerId, Math.max(closeTime.getTime(), ended.get(workerId) ?? 0));
        continue;
      }
      const said = workerDescription.safeParse(memo?.[WORKER.memo]).data;
      // Anybody may start a workflow: one that says that it is another worker says nothing.
      described.set(workerId, said?.workerId === workerId ? said : { workerId, versions: {} });
    }
  });
  return { described, ended };
}

const newest = (polls: readonly Poll[]): number => Math.max(0, ...polls.map(({ at }) => at));

/** Those that are here first, by host; then those away, newest first. */
function inOrder(a: WorkerInfo, b: WorkerInfo): number {
  if (a.presence !== b.presence) return a.presence === 'here' ? -1 : 1;
  const byTime = a.presence === 'away' ? (b.lastSeen ?? '').localeCompare(a.lastSeen ?? '') : 0;
  return byTime || (a.host ?? '').localeCompare(b.host ?? '') || a.workerId.localeCompare(b.workerId);
}
