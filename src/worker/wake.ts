/** Tells subagents that wait for their model that a worker has started: perhaps with the login that they wait for. */
import type { Client } from '@temporalio/client';
import { SEARCH_ATTRIBUTES, SUBAGENT, type LiveStatus } from '../contract/index.ts';

const WAITING: LiveStatus = 'waiting';

/** Never rejects: those that are not told try again by themselves a little later. Returns how many were told. */
export async function wakeWaiting(client: Client): Promise<number> {
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
