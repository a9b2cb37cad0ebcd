/** What a worker does before it takes work: settle what the process before it left behind. */
import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import { lastHeartbeat, type LastHeartbeat, type Lost } from '../../contract/index.ts';
import { readLeases, removeLease, type Lease } from '../../home/leases.ts';
import { recordKilledCommands } from '../../home/run-record.ts';
import { sweep } from '../../home/sweep.ts';

type RecoveryHome = Parameters<typeof recordKilledCommands>[0] & {
  readonly paths: { readonly leases: string };
};

/** What was found. */
export interface Recovery {
  /** Attempts that were completed as lost. */
  readonly attempts: number;
  /** Processes that were ended. */
  readonly processes: number;
}

/**
 * Sweeps the processes of every lease left behind, then completes its attempt as lost, so that the workflow starts the
 * next one at once. Completing reaches the workflow in 23 to 42 ms; failing it instead would wait for a retry's backoff.
 */
export async function recover(home: RecoveryHome, client: Client): Promise<Recovery> {
  const { leases } = home.paths;
  const left = readLeases(leases);
  const processes = await sweepAll(home, copilotSessionsOf(left));
  const lost: Lost = { kind: 'lost', who: 'worker', reason: 'its worker died and was started again' };
  await Promise.all(
    left.map(async (lease) => {
      const { id, taskToken, workflowId, runId } = lease;
      try {
        const last =
          lease.activityType === 'runTurn' && (await lastWordOf(client, lease).catch(() => undefined));
        await unstick(client, { workflowId, runId });
        await client.activity.complete(Buffer.from(taskToken, 'base64'), { ...lost, ...(last && { last }) });
      } catch {
        // The server was faster, or has never heard of it: its data are new, or the home was with another server. Whatever
        // else it has against this, the silence of the attempt tells it the same; no lease keeps a worker from starting.
      }
      removeLease(leases, id);
    }),
  );
  return { attempts: left.length, processes };
}

/** What the attempt told last, which the server has from its heartbeats; `undefined` where it has nothing of the kind. */
async function lastWordOf(
  client: Client,
  { workflowId, runId, activityId }: Lease,
): Promise<LastHeartbeat | undefined> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const attempt = raw.pendingActivities?.find((each) => each.activityId === activityId);
  const [details] = await decodeArrayFromPayloads(
    client.options.loadedDataConverter,
    attempt?.heartbeatDetails?.payloads,
  );
  return lastHeartbeat.safeParse(details).data;
}

/**
 * Has any worker take the workflow's next task. The server still means it for the one that died, and would wait for that
 * one as long as a sticky task may wait (1 s).
 */
async function unstick(
  { workflowService, options: { namespace } }: Client,
  execution: { workflowId: string; runId: string },
): Promise<void> {
  // It only makes it sooner.
  await workflowService.resetStickyTaskQueue({ namespace, execution }).catch(() => undefined);
}

/** The Copilot sessions that leases name, each once. */
export function copilotSessionsOf(leases: readonly Lease[]): string[] {
  return [...new Set(leases.flatMap(({ copilotSessionId }) => copilotSessionId ?? []))];
}

/** Ends the processes of these Copilot sessions, and notes what they were, to be told; gives how many there were. */
export async function sweepAll(home: RecoveryHome, copilotSessionIds: readonly string[]): Promise<number> {
  const ended = copilotSessionIds.map(async (id) => {
    const report = await sweep(id);
    recordKilledCommands(home, id, report.commands);
    return report.ended;
  });
  return (await Promise.all(ended)).reduce((sum, each) => sum + each, 0);
}
