/**
 * Ends what is left here of subagents whose workflows have closed without asking this worker: terminated while they waited for
 * an answer, or given up while it was away. The `holdSlot` activity of those that hold a slot hears at once.
 */
import type { Client } from '@temporalio/client';
import type { AskRunState } from '../../git/locks/checkout-lock.ts';
import { SUBAGENT, type ControlActivities } from '../../contract/index.ts';
import { laterRun, noteRunEnded, readRuns } from '../../home/run-record.ts';
import { repeat } from './repeat.ts';

/** Between two looks, in milliseconds. */
const EVERY_MS = 15_000;
/** What the server lists lags behind by less than this, in milliseconds. */
const LAG_MS = 60_000;

export interface OrphanDependencies {
  readonly home: Parameters<typeof readRuns>[0];
  readonly client: Client;
  readonly runState: AskRunState;
  readonly stopSubagent: ControlActivities['stopSubagent'];
}

/**
 * Looks now at every run of this home that has not been seen to end, and from then on at those that the server lists as closed
 * since: one small question to it, however many there are. A look that fails is made up for by the next.
 */
export function reconcileOrphans(deps: OrphanDependencies): { stop(): void } {
  let seen: number | undefined;
  return repeat(async () => {
    const began = Date.now();
    try {
      const among = seen === undefined ? undefined : await closedSince(deps.client, seen - LAG_MS);
      if (among?.size !== 0) await endClosed(deps, among);
      seen = began;
    } catch {
      // The server is away, or has no list.
    }
  }, EVERY_MS);
}

/** Ids of workflows that somebody else closed. */
async function closedSince(client: Client, since: number): Promise<Set<string>> {
  const query = [
    `WorkflowType = '${SUBAGENT.workflow}'`,
    `ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')`,
    `CloseTime > '${new Date(since).toISOString()}'`,
  ].join(' AND ');
  const ids = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query })) ids.add(workflowId);
  return ids;
}

/** @param among looks at these alone; default: at all */
async function endClosed(
  { home, runState, stopSubagent }: OrphanDependencies,
  among?: ReadonlySet<string>,
): Promise<void> {
  for (const record of readRuns(home)) {
    const { subagent, endedAt, isolation, repository } = record;
    const { workflowId, runId } = subagent;
    if (endedAt !== undefined || (among && !among.has(workflowId))) continue;
    if ((await runState(workflowId, runId)) !== 'closed') continue;
    // The Copilot session and its processes may be a later run's by now, which has ended the earlier ones.
    if (laterRun(home, record)) noteRunEnded(home, subagent);
    else
      await stopSubagent({
        ...{ subagent, mode: 'kill' },
        ...(isolation === 'in-place' && { inPlaceRepo: repository }),
      });
  }
}
