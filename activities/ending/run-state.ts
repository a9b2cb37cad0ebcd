/** Whether a subagent's run is still open on the server: what decides if a claim on a checkout, or an attempt, is stale. */
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import type { SubagentRef } from '../../src/contract/index.ts';
import type { AskRunState } from '../../src/git/locks/checkout-lock.ts';

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

/** How often, and after how many milliseconds, a server that does not answer is asked again. */
const TRIES = 60;
const RETRY_MS = 1_000;

/**
 * Whether a subagent's run has ended: what tells an attempt that the server takes for dead (its process had stood still)
 * from one whose workflow was terminated. A server that does not answer for a minute is taken to have said no.
 */
export function isClosedBy(runState: AskRunState): (subagent: SubagentRef) => Promise<boolean> {
  return async ({ workflowId, runId }) => {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return (await runState(workflowId, runId)) !== 'open';
      } catch {
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
    return false;
  };
}

/** The first execution run id of the run of a workflow id that is open; undefined when none is. */
export function openRunOn(client: Client): (workflowId: string) => Promise<string | undefined> {
  return async (workflowId) => {
    try {
      const { status, runId, raw } = await client.workflow.getHandle(workflowId).describe();
      if (status.name !== 'RUNNING') return undefined;
      return raw.workflowExecutionInfo?.firstRunId || runId;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  };
}
