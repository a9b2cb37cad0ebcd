/** Asking a workflow: a Query is answered by a worker, or not at all. */
import { SubagentsError } from '../../contract/index.ts';
import { isNotFound, isTimeout, isUnreachable } from '../errors.ts';
import { isFailing } from '../subagents/inspect.ts';
import type { Link } from './link.ts';

/** How long an answer may take, in milliseconds; of a long history that must be replayed first, about a second. */
const QUERY_TIMEOUT_MS = 5_000;
/** The same for a while after nobody has answered: the server takes a worker that died for a live one for a minute. */
const SILENT_TIMEOUT_MS = 500;
const SILENCE_MS = 30_000;

/** Which run to ask; without a run id the newest. */
export interface Asked {
  readonly workflowId: string;
  readonly runId?: string | undefined;
}

/**
 * Asks a workflow. `undefined` when the server does not know it.
 * @throws SubagentsError NO_WORKER or TIMEOUT (see `isWorkerless`), TEMPORAL_UNREACHABLE, INTERNAL.
 */
export async function ask<T>(
  link: Link,
  { workflowId, runId }: Asked,
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
    // So short a time is meant for silent workers: a server that is being connected to again has all of it.
    if (timeoutMs < QUERY_TIMEOUT_MS && isUnreachable(error)) {
      link.silentUntil = 0;
      return ask(link, { workflowId, runId }, query, ...args);
    }
    // One workflow that fails keeps silent for itself alone.
    if (isTimeout(error) && !(await isFailing(link, { workflowId, runId })))
      link.silentUntil = Date.now() + SILENCE_MS;
    throw error;
  }
}

/** Whether `error` says that no worker answered a Query: what the server itself knows must do. */
export function isWorkerless(error: unknown): boolean {
  return (error instanceof SubagentsError && error.code === 'NO_WORKER') || isTimeout(error);
}

/**
 * Whether `error` says that a Query has no answer now: from no worker, or since the workflow fails at each try to go on. What the
 * server itself knows must do, for this one workflow.
 */
export function isUnanswered(error: unknown): boolean {
  return isWorkerless(error) || (error instanceof SubagentsError && error.code === 'INTERNAL');
}
