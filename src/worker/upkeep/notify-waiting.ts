/**
 * Notifies waiting subagents that what they wait for may be available: a worker started with a new login, or the disk
 * has space.
 */
import type { Client } from '@temporalio/client';
import { freeBytes } from '../../system/disk.ts';
import { repeat } from './repeat.ts';
import { SEARCH_ATTRIBUTES, SUBAGENT, type LiveStatus } from '../../contract/index.ts';

const WAITING: LiveStatus = 'waiting';

/**
 * Never rejects: subagents that are not notified retry by themselves a little later. Returns how many were notified.
 */
export async function notifyWaiting(client: Client): Promise<number> {
  const query = `WorkflowType = '${SUBAGENT.workflow}' AND ExecutionStatus = 'Running' AND ${SEARCH_ATTRIBUTES.status} = '${WAITING}'`;
  let notified = 0;
  try {
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      await client.workflow.getHandle(workflowId, runId).signal(SUBAGENT.tryAgain);
      notified++;
    }
  } catch {
    // There is no visibility store, or a subagent has ended meanwhile.
  }
  return notified;
}

const SPACE_CHECK_MS = 5_000;

/** Notifies them whenever the disk of the home `root` has `reserveBytes` free again, until it is stopped. */
export function notifyWhenSpace(client: Client, root: string, reserveBytes: number): { stop(): void } {
  let lacked = false;
  return repeat(async () => {
    const lacks = freeBytes(root) < reserveBytes;
    if (lacked && !lacks) await notifyWaiting(client);
    lacked = lacks;
  }, SPACE_CHECK_MS);
}
