/** How workflows call activities: type-only proxies, the options for each kind, and the treatment of lost attempts. */
import { ActivityFailure, ApplicationFailure, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import {
  ACTIVITY_FAILURES,
  CHECK_TIMEOUT_MS,
  HEARTBEAT_TIMEOUT_MS,
  lastHeartbeat,
  MAX_TIMEOUT_MS,
  workerControlQueue,
  workerQueue,
  type ControlActivities,
  poolQueue,
  type HostActivities,
  type Lost,
  type PoolActivities,
  type SlotActivities,
  type SessionActivities,
  type WorkerActivities,
} from '../../src/contract/index.ts';

// A lost attempt is repeated by the workflow, with a counter and a reason, and not by the server: the restarted worker
// is the first to know and completes the attempt, so the server's retry would only add its backoff.
const once = { maximumAttempts: 1 };
// Long enough for any activity; a dead worker is detected by its missing heartbeat.
const long = { startToCloseTimeout: 2 * MAX_TIMEOUT_MS, heartbeatTimeout: HEARTBEAT_TIMEOUT_MS, retry: once };

/** Schedule-to-start timeout of activities on a worker's queues. A healthy worker starts tasks at once. */
export interface StartDeadline {
  readonly scheduleToStartTimeout?: number;
}
/**
 * For activities that run without a watch for the worker: if no worker has started one by then, it counts as lost, and
 * the workflow learns that its worker is away. Longer than a worker takes to restart.
 */
export const START_SOON: StartDeadline = { scheduleToStartTimeout: 30_000 };

/** Activities on one worker's queue, for the work itself. */
export const workerCalls = (workerId: string, taken: StartDeadline) =>
  proxyActivities<WorkerActivities>({ ...long, ...taken, taskQueue: workerQueue(workerId) });
/** How long the work of a run that ends may take to get into the store, with all attempts. */
export const SAVE_WITHIN_MS = 30 * 60_000;
/**
 * `saveWork`, on one worker's queue. The server repeats it while the store does not answer; after `SAVE_WITHIN_MS` the run
 * ends without.
 */
export const saveCalls = (workerId: string) =>
  proxyActivities<Pick<WorkerActivities, 'saveWork'>>({
    taskQueue: workerQueue(workerId),
    scheduleToCloseTimeout: SAVE_WITHIN_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: { initialInterval: 2_000, maximumInterval: 60_000 },
  });
/** Activities on one worker's control queue, which must not wait behind the work. */
export const controlCalls = (workerId: string, taken: StartDeadline = {}) =>
  proxyActivities<ControlActivities>({ ...long, ...taken, taskQueue: workerControlQueue(workerId) });
/** `holdSlot`, on a host's queue or, to reacquire a slot, on a worker's own queue. */
export const slotCalls = (taskQueue: string) => proxyActivities<SlotActivities>({ ...long, taskQueue });
/**
 * `takeSubagent`, on a pool's queue. Workers hand it back by failing; the server then waits, without an event in the
 * history. Cancelled at once: a worker that takes it meanwhile keeps its slot for a short time only.
 */
export const poolCalls = (pool: string) =>
  proxyActivities<PoolActivities>({
    taskQueue: poolQueue(pool),
    startToCloseTimeout: 60_000,
    cancellationType: 'TRY_CANCEL',
    retry: { initialInterval: 1_000, maximumInterval: 10_000 },
  });
/**
 * `admit`, on the control queue of a host, a pool or a worker. It has deadlines because all workers there may be gone,
 * and a worker that crashes in it needs some seconds to restart.
 */
export const hostCalls = (taskQueue: string) =>
  proxyActivities<HostActivities>({
    taskQueue,
    scheduleToStartTimeout: 10_000,
    startToCloseTimeout: 20_000,
    scheduleToCloseTimeout: 40_000,
    retry: { maximumAttempts: 2 },
  });
/** `checkWorker`, on the control queue of a pool. Somebody waits for it: it is not tried twice. */
export const checkCalls = (taskQueue: string) =>
  proxyActivities<Pick<HostActivities, 'checkWorker'>>({
    taskQueue,
    scheduleToStartTimeout: 15_000,
    startToCloseTimeout: CHECK_TIMEOUT_MS,
    retry: once,
  });
/** Activities that any worker can run. */
export const anyWorkerCalls = proxyActivities<SessionActivities>({
  ...long,
  retry: { maximumInterval: 30_000 },
});

/** Activities on any worker whose result somebody waits for. */
export const anyWorkerUrgentCalls = proxyActivities<SessionActivities>({
  scheduleToCloseTimeout: 20_000,
  startToCloseTimeout: 8_000,
});

/** Activities on any worker that the end of a workflow waits for. */
export const anyWorkerFinalCalls = proxyActivities<SessionActivities>({
  scheduleToCloseTimeout: 60_000,
  startToCloseTimeout: 20_000,
});

/** Whether an activity's answer says that the attempt was lost. */
export function isLost(answer: unknown): answer is Lost {
  return typeof answer === 'object' && answer !== null && (answer as { kind?: unknown }).kind === 'lost';
}

/**
 * The answer of `call`. A failure of type `problem` carries its answer in its details and is unwrapped. A timeout means
 * that the worker was silent, so the attempt counts as lost.
 */
export async function timeoutAsLost<T>(call: Promise<T>): Promise<T | Lost> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) {
      if (error.cause.timeoutType === 'SCHEDULE_TO_START')
        return { kind: 'lost', who: 'worker', reason: 'its worker was away', notStarted: true };
      const { data: last } = lastHeartbeat.safeParse(error.cause.lastHeartbeatDetails);
      return { kind: 'lost', who: 'worker', reason: 'its worker stopped responding', ...(last && { last }) };
    }
    if (
      error instanceof ActivityFailure &&
      error.cause instanceof ApplicationFailure &&
      error.cause.type === ACTIVITY_FAILURES.problem
    )
      return error.cause.details?.[0] as T;
    throw error;
  }
}
