/** How workflows call activities: types only, one options object for each kind, and what to do when an attempt was lost. */
import { ActivityFailure, ApplicationFailure, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import {
  ACTIVITY_FAILURES,
  HEARTBEAT_TIMEOUT_MS,
  lastHeartbeat,
  MAX_TIMEOUT_MS,
  workerControlQueue,
  workerQueue,
  type ControlActivities,
  type HostActivities,
  type Lost,
  type SlotActivities,
  type SessionActivities,
  type WorkerActivities,
} from '../../src/contract/index.ts';

// An attempt that is lost is tried again by the workflow, with a counter and a reason, never by the server: the first
// to know is the worker's own restart, which completes the attempt, and the server's retry would only add its backoff.
const once = { maximumAttempts: 1 };
// Long enough for anything; a dead worker shows by its heartbeat.
const long = { startToCloseTimeout: 2 * MAX_TIMEOUT_MS, heartbeatTimeout: HEARTBEAT_TIMEOUT_MS, retry: once };

/** When a worker must have taken what is on its queues, which it does at once. */
export interface Taken {
  readonly scheduleToStartTimeout?: number;
}
/**
 * For activities that nobody looks for the worker beside: one that has not been taken by then is lost, and the workflow
 * learns that its worker is away. Longer than a worker takes that starts again.
 */
export const SOON: Taken = { scheduleToStartTimeout: 30_000 };

/** Activities on one worker's queue: the work itself. */
export const worker = (workerId: string, taken: Taken) =>
  proxyActivities<WorkerActivities>({ ...long, ...taken, taskQueue: workerQueue(workerId) });
/** Activities on one worker's control queue: what must not wait behind the work. */
export const control = (workerId: string, taken: Taken = {}) =>
  proxyActivities<ControlActivities>({ ...long, ...taken, taskQueue: workerControlQueue(workerId) });
/** `holdSlot`, on a host's queue or (to take one again) a worker's own. */
export const slotCalls = (taskQueue: string) => proxyActivities<SlotActivities>({ ...long, taskQueue });
/**
 * `admit`, on a host's control queue. Deadlines, because the host's workers may all be gone, and one that crashes in it
 * takes some seconds to be there again.
 */
export const host = (taskQueue: string) =>
  proxyActivities<HostActivities>({
    taskQueue,
    scheduleToStartTimeout: 10_000,
    startToCloseTimeout: 20_000,
    scheduleToCloseTimeout: 40_000,
    retry: { maximumAttempts: 2 },
  });
/** Activities that any worker can run. */
export const anyWorker = proxyActivities<SessionActivities>({ ...long, retry: { maximumInterval: 30_000 } });

/** The same, for what somebody waits for. */
export const anyWorkerSoon = proxyActivities<SessionActivities>({
  scheduleToCloseTimeout: 20_000,
  startToCloseTimeout: 8_000,
});

/** The same, for what an end waits for. */
export const anyWorkerBriefly = proxyActivities<SessionActivities>({
  scheduleToCloseTimeout: 60_000,
  startToCloseTimeout: 20_000,
});

/** Whether an activity's answer says that the attempt was lost. */
export function isLost(answer: unknown): answer is Lost {
  return typeof answer === 'object' && answer !== null && (answer as { kind?: unknown }).kind === 'lost';
}

/**
 * The answer of `call`, also where it was told as a failure because of a problem in it. Silence of the worker counts as an
 * answer, too: the attempt was lost with it.
 */
export async function timeoutAsLost<T>(call: Promise<T>): Promise<T | Lost> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) {
      if (error.cause.timeoutType === 'SCHEDULE_TO_START')
        return { kind: 'lost', who: 'worker', reason: 'its worker was away', notStarted: true };
      const { data: last } = lastHeartbeat.safeParse(error.cause.lastHeartbeatDetails);
      return { kind: 'lost', who: 'worker', reason: 'its worker fell silent', ...(last && { last }) };
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
