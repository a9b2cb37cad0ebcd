/** Queries to workflows. Only a worker can answer a Query. */
import { SubagentsError } from '../../contract/index.ts';
import { isNotFound, isTimeout, isUnreachable } from '../errors.ts';
import { isFailing } from '../subagents/inspect.ts';
import type { Link } from './link.ts';

/** How long an answer may take, in milliseconds. Replaying a long history first takes about a second. */
const QUERY_TIMEOUT_MS = 5_000;
/** Timeout for `SILENCE_MS` after a Query without answer: the server counts a dead worker as live for a minute. */
const SILENT_TIMEOUT_MS = 500;
const SILENCE_MS = 30_000;

/** The run to ask; without a run id, the newest. */
export interface QueriedRun {
  readonly workflowId: string;
  readonly runId?: string | undefined;
}

/**
 * Sends a Query to a workflow. Returns `undefined` when the server does not have the workflow.
 * @throws SubagentsError NO_WORKER or TIMEOUT (see `isWorkerless`), TEMPORAL_UNREACHABLE, INTERNAL.
 */
export async function queryWorkflow<T>(
  link: Link,
  { workflowId, runId }: QueriedRun,
  query: string,
  ...args: unknown[]
): Promise<T | undefined> {
  const timeoutMs = Date.now() < link.silentUntil ? SILENT_TIMEOUT_MS : QUERY_TIMEOUT_MS;
  try {
    const handle = link.client.workflow.getHandle(workflowId, runId);
    const answer = await link.call(`ask ${workflowId}`, () => handle.query<T, unknown[]>(query, ...args), {
      timeoutMs,
    });
    link.silentUntil = 0;
    return answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    // The short timeout is for silent workers. A call during a reconnection gets the full timeout.
    if (timeoutMs < QUERY_TIMEOUT_MS && isUnreachable(error)) {
      link.silentUntil = 0;
      return queryWorkflow(link, { workflowId, runId }, query, ...args);
    }
    // A failing workflow cannot answer: its silence says nothing about the workers.
    if (isTimeout(error) && !(await isFailing(link, { workflowId, runId })))
      link.silentUntil = Date.now() + SILENCE_MS;
    throw error;
  }
}

/** Whether `error` means that no worker answered a Query. The caller then reports what the server itself has. */
export function isWorkerless(error: unknown): boolean {
  return (error instanceof SubagentsError && error.code === 'NO_WORKER') || isTimeout(error);
}

/**
 * Whether `error` means that a Query has no answer now, because no worker answered or the workflow fails at every
 * attempt. For this workflow the caller then reports what the server itself has.
 */
export function isUnanswered(error: unknown): boolean {
  return isWorkerless(error) || (error instanceof SubagentsError && error.code === 'INTERNAL');
}
