/**
 * Asks the server whether a subagent's run is still open, to decide whether a checkout's lock entry or an activity
 * attempt is stale.
 */
import { WorkflowNotFoundError, type Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { setTimeout as delay } from 'node:timers/promises';
import type { SubagentRef } from '../../src/contract/index.ts';
import type { GetRunState } from '../../src/git/locks/checkout-lock.ts';

/** Takes first execution run ids: a run that continued as new is open as long as its chain is. */
export function runStateOn(client: Client): GetRunState {
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

/** Attempts, and milliseconds between them, when the server does not answer. */
const TRIES = 60;
const RETRY_MS = 1_000;

/**
 * Returns whether a subagent's run has ended. This distinguishes an attempt that the server considers dead (because
 * its process was suspended) from one whose workflow was terminated. False when the server does not answer for a
 * minute.
 */
export function isClosedBy(runState: GetRunState): (subagent: SubagentRef) => Promise<boolean> {
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

/** Returns the first execution run id of the open run of a workflow id; undefined when no run is open. */
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
