/** Tells subagents that wait that what they wait for may be there: a worker has started with a new login, the disk has space again. */
import type { Client } from '@temporalio/client';
import { freeBytes } from '../../system/disk-space.ts';
import { repeat } from './repeat.ts';
import { SEARCH_ATTRIBUTES, SUBAGENT, type LiveStatus } from '../../contract/index.ts';

const WAITING: LiveStatus = 'waiting';

/** Never rejects: those that are not told try again by themselves a little later. Returns how many were told. */
export async function notifyWaiting(client: Client): Promise<number> {
  const query = `WorkflowType = '${SUBAGENT.workflow}' AND ExecutionStatus = 'Running' AND ${SEARCH_ATTRIBUTES.status} = '${WAITING}'`;
  let told = 0;
  try {
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      await client.workflow.getHandle(workflowId, runId).signal(SUBAGENT.tryAgain);
      told++;
    }
  } catch {
    // No visibility store, or it ended meanwhile.
  }
  return told;
}

const SPACE_LOOK_MS = 5_000;

/** Tells them whenever the disk of the home `root` has as much as `reserveBytes` free again, until it is stopped. */
export function notifyWhenSpace(client: Client, root: string, reserveBytes: number): { stop(): void } {
  let lacked = false;
  return repeat(async () => {
    const lacks = freeBytes(root) < reserveBytes;
    if (lacked && !lacks) await notifyWaiting(client);
    lacked = lacks;
  }, SPACE_LOOK_MS);
}
