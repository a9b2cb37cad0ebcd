/** Whether a subagent's run is still open on the server: what decides if a claim on a checkout is stale. */
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import type { AskRunState } from '../src/git/checkout-lock.ts';

/** Answers for first execution run ids: a run that continued as new is open as long as its chain is. */
export function runStateOn(client: Client): AskRunState {
  const describe = async (
    workflowId: string,
    runId?: string,
  ): Promise<WorkflowExecutionDescription | undefined> => {
    try {
      return await client.workflow.getHandle(workflowId, runId).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  };
  return async (workflowId, runId) => {
    const first = await describe(workflowId, runId);
    if (first === undefined) return 'missing';
    if (first.status.name === 'RUNNING') return 'open';
    if (first.status.name !== 'CONTINUED_AS_NEW') return 'closed';
    const latest = await describe(workflowId);
    const sameChain = latest?.raw.workflowExecutionInfo?.firstRunId === runId;
    return sameChain && latest.status.name === 'RUNNING' ? 'open' : 'closed';
  };
}
