/**
 * Ends what is left on this worker of subagents whose workflows closed without asking it: terminated while they waited
 * for an answer, or given up while this worker was away. For subagents that hold a slot, the `holdSlot` activity
 * notices at once.
 */
import type { Client } from '@temporalio/client';
import type { GetRunState } from '../../git/locks/checkout-lock.ts';
import { SUBAGENT, type ControlActivities } from '../../contract/index.ts';
import { laterRun, recordRunEnded, readRuns } from '../../home/run-record.ts';
import { repeat } from './repeat.ts';

/** Milliseconds between checks. */
const EVERY_MS = 15_000;
/** The server's list lags behind by less than this, in milliseconds. */
const LAG_MS = 60_000;

/** What the check needs. */
export interface OrphanDependencies {
  readonly home: Parameters<typeof readRuns>[0];
  readonly client: Client;
  readonly runState: GetRunState;
  readonly stopSubagent: ControlActivities['stopSubagent'];
}

/**
 * Checks every run of this home that is not known to have ended, and from then on only those that the server lists as
 * recently closed: one small query, however many runs there are. A failed check is repeated by the next.
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
      // The server is away, or has no visibility store.
    }
  }, EVERY_MS);
}

/** Ids of workflows that were closed from outside, or failed. */
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

/** @param among workflow ids to check; default: all */
async function endClosed(
  { home, runState, stopSubagent }: OrphanDependencies,
  among?: ReadonlySet<string>,
): Promise<void> {
  for (const record of readRuns(home)) {
    const { subagent, endedAt, isolation, repository } = record;
    const { workflowId, runId } = subagent;
    if (endedAt !== undefined || (among && !among.has(workflowId))) continue;
    if ((await runState(workflowId, runId)) !== 'closed') continue;
    // The Copilot session and its processes may now belong to a later run, which has ended the earlier ones.
    if (laterRun(home, record)) recordRunEnded(home, subagent);
    else
      await stopSubagent({
        subagent,
        mode: 'kill',
        ...(isolation === 'in-place' && { inPlaceRepo: repository }),
      });
  }
}
