/** What a worker does before it accepts work: clean up what its predecessor left behind. */
import type { Client } from '@temporalio/client';
import type { ActivitySerializationContext } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import { lastHeartbeat, type LastHeartbeat, type Lost } from '../../contract/index.ts';
import { readLeases, removeLease, type Lease } from '../../home/leases.ts';
import { recordKilledCommands } from '../../home/run-record.ts';
import { sweep } from '../../home/sweep.ts';

type RecoveryHome = Parameters<typeof recordKilledCommands>[0] & {
  readonly paths: { readonly leases: string };
};

/** The result of the recovery. */
export interface Recovery {
  /** Attempts that were completed as lost. */
  readonly attempts: number;
  /** Processes that were ended. */
  readonly processes: number;
}

/**
 * Sweeps the processes of every remaining lease, then completes its attempt as lost, so that the workflow starts the
 * next attempt at once. A completion reaches the workflow in 23 to 42 ms; a failure would wait for a retry's backoff.
 */
export async function recover(home: RecoveryHome, client: Client): Promise<Recovery> {
  const { leases } = home.paths;
  const left = readLeases(leases);
  const processes = await sweepAll(home, copilotSessionsOf(left));
  const lost: Lost = { kind: 'lost', who: 'worker', reason: 'its worker died and was restarted' };
  await Promise.all(
    left.map(async (lease) => {
      const { id, taskToken, workflowId, runId } = lease;
      try {
        const last =
          lease.activityType === 'runTurn' && (await lastHeartbeatOf(client, lease).catch(() => undefined));
        await unpinWorkflow(client, { workflowId, runId });
        await client.activity.complete(
          Buffer.from(taskToken, 'base64'),
          { ...lost, ...(last && { last }) },
          { serializationContext: contextOf(client, lease) },
        );
      } catch {
        // The server has already given the attempt up, or does not know it, because its data is new or the home was
        // used with another server. Otherwise the missing heartbeats tell the server the same. A lease must never keep
        // a worker from starting.
      }
      removeLease(leases, id);
    }),
  );
  return { attempts: left.length, processes };
}

/** The attempt's last heartbeat, as known to the server; `undefined` if there is none. */
async function lastHeartbeatOf(client: Client, lease: Lease): Promise<LastHeartbeat | undefined> {
  const { workflowId, runId, activityId } = lease;
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const attempt = raw.pendingActivities?.find((each) => each.activityId === activityId);
  const [details] = await decodeArrayFromPayloads(
    client.options.loadedDataConverter,
    attempt?.heartbeatDetails?.payloads,
    contextOf(client, lease),
  );
  return lastHeartbeat.safeParse(details).data;
}

/** What the payloads of an activity belong to. */
const contextOf = (
  { options: { namespace } }: Client,
  { workflowId, activityId }: Lease,
): ActivitySerializationContext => ({ type: 'activity', namespace, workflowId, activityId, isLocal: false });

/**
 * Lets any worker take the workflow's next task. The server would otherwise wait for the dead worker until the sticky
 * task times out (1 s).
 */
async function unpinWorkflow(
  { workflowService, options: { namespace } }: Client,
  execution: { workflowId: string; runId: string },
): Promise<void> {
  // Best effort: it only saves time.
  await workflowService.resetStickyTaskQueue({ namespace, execution }).catch(() => undefined);
}

/** The Copilot sessions named in leases, without duplicates. */
export function copilotSessionsOf(leases: readonly Lease[]): string[] {
  return [...new Set(leases.flatMap(({ copilotSessionId }) => copilotSessionId ?? []))];
}

/** Ends the processes of these Copilot sessions, and records them for a later note. Returns how many there were. */
export async function sweepAll(home: RecoveryHome, copilotSessionIds: readonly string[]): Promise<number> {
  const ended = copilotSessionIds.map(async (id) => {
    const report = await sweep(id);
    recordKilledCommands(home, id, report.commands);
    return report.ended;
  });
  return (await Promise.all(ended)).reduce((sum, each) => sum + each, 0);
}
