import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';

const { TaskQueueType } = proto.temporal.api.enums.v1;

/**
 * How recent a poll must be for its poller to count, in milliseconds. A poll is dated at its start and lasts up to a
 * minute; a killed worker's last poll is dated at its death. The server forgets a poller after five minutes.
 */
export const POLL_FRESHNESS_MS = 70_000;

/**
 * Whether a worker polls the task queue `queue` for tasks of `kind`, judged by its last poll.
 * @param options.within in milliseconds; default 70 s
 * @param options.identity of one particular worker; default: any
 * @throws the gRPC error of the call
 */
export async function hasPollers(
  connection: Pick<Connection, 'workflowService'>,
  namespace: string,
  queue: string,
  kind: 'workflow' | 'activity',
  {
    within = POLL_FRESHNESS_MS,
    identity,
  }: { readonly within?: number | undefined; readonly identity?: string | undefined } = {},
): Promise<boolean> {
  return (await lastPoll(connection, namespace, queue, kind, identity)) >= Date.now() - within;
}

/**
 * When a worker last polled the task queue for tasks of `kind`, in milliseconds since the epoch; 0 if the server knows
 * of no poll.
 * @param identity of one particular worker; default: any
 * @throws the gRPC error of the call
 */
export async function lastPoll(
  connection: Pick<Connection, 'workflowService'>,
  namespace: string,
  queue: string,
  kind: 'workflow' | 'activity',
  identity?: string,
): Promise<number> {
  const polls = await pollsOf(connection, namespace, queue, kind);
  const meant = polls.filter((poll) => identity === undefined || poll.identity === identity);
  return Math.max(0, ...meant.map(({ at }) => at));
}

/**
 * The workers that poll the task queue for tasks of `kind`, judged by their last poll.
 * @param within in milliseconds; default 70 s
 * @returns the identities of the workers
 * @throws the gRPC error of the call
 */
export async function pollerIdentities(
  connection: Pick<Connection, 'workflowService'>,
  namespace: string,
  queue: string,
  kind: 'workflow' | 'activity',
  within = POLL_FRESHNESS_MS,
): Promise<string[]> {
  const polls = await pollsOf(connection, namespace, queue, kind);
  return polls.filter(({ at }) => at >= Date.now() - within).map(({ identity }) => identity);
}

/** The last poll of a worker. */
export interface Poll {
  readonly identity: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * The pollers of the task queue for tasks of `kind` that the server remembers, each with its last poll.
 * @throws the gRPC error of the call
 */
export async function pollsOf(
  connection: Pick<Connection, 'workflowService'>,
  namespace: string,
  queue: string,
  kind: 'workflow' | 'activity',
): Promise<Poll[]> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    taskQueueType:
      kind === 'workflow' ? TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW : TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
  });
  return (pollers ?? []).map(({ identity, lastAccessTime }) => ({
    identity: identity ?? '',
    at: Number(lastAccessTime?.seconds ?? 0) * 1_000,
  }));
}
