/**
 * Wraps every activity on a worker's queues: a lease on disk while it runs, a heartbeat, and the result `lost` at
 * shutdown.
 */
import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import {
  ACTIVITY_FAILURES,
  HEARTBEAT_INTERVAL_MS,
  SubagentsError,
  type Lost,
  type SubagentRef,
} from '../../contract/index.ts';
import { systemFailure } from '../../system/files.ts';
import { removeLease, writeLease, type Lease } from '../../home/leases.ts';

/** Activities that send their own heartbeats, with details that a plain heartbeat would overwrite. */
const OWN_HEARTBEAT = new Set([
  'takeSubagent',
  'runTurn',
  'setUpWorkspace',
  'verifyCommit',
  'cloneRepository',
]);

/** The leases of activities that run in this process. */
export type RunningLeases = Set<Lease>;

/** The interceptor of one activity attempt. */
export class LeaseInterceptor implements ActivityInboundCallsInterceptor {
  readonly #context: Context;
  readonly #leases: string;
  readonly #running: RunningLeases;

  /**
   * @param leases the home's folder of leases
   * @param underWay the leases of this process, available even if the home was removed
   */
  constructor(context: Context, leases: string, underWay: RunningLeases = new Set()) {
    this.#context = context;
    this.#leases = leases;
    this.#running = underWay;
  }

  async execute(
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    const lease = leaseOf(this.#context, input.args);
    try {
      writeLease(this.#leases, lease);
    } catch (error) {
      // A full disk must not keep a subagent from being ended; repeating that after a crash is safe.
      if (lease.activityType !== 'stopSubagent') throw coded(error);
    }
    this.#running.add(lease);
    const beat = OWN_HEARTBEAT.has(lease.activityType)
      ? undefined
      : setInterval(() => this.#context.heartbeat(), HEARTBEAT_INTERVAL_MS);
    try {
      return await next(input);
    } catch (error) {
      if (isResult(error) || !this.#context.cancellationDetails?.workerShutdown) throw coded(error);
      return { kind: 'lost', who: 'worker', reason: 'its worker was stopped' } satisfies Lost;
    } finally {
      clearInterval(beat);
      this.#running.delete(lease);
      removeLease(this.#leases, lease.id);
    }
  }
}

/** Whether the error is a completed activity's result with a problem (see `withProblemsAsFailures`). */
const isResult = (error: unknown): boolean =>
  error instanceof ApplicationFailure && error.type === ACTIVITY_FAILURES.problem;

/**
 * Converts our own errors, and errors of the system (full disk, no permission, too many open files), to a failure with
 * the code as type and the remedy, which Temporal would drop. Other errors are unchanged.
 */
function coded(thrown: unknown): unknown {
  const error = systemFailure(thrown) ?? thrown;
  if (!(error instanceof SubagentsError)) return error;
  const { code: type, message, remedy } = error;
  return ApplicationFailure.create({
    message,
    type,
    cause: error,
    ...(remedy !== undefined && { details: [{ remedy }] }),
  });
}

function leaseOf({ info }: Context, args: readonly unknown[]): Lease {
  const subagent = (args[0] as { subagent?: SubagentRef } | undefined)?.subagent;
  return {
    id: `${info.activityType}-${info.workflowExecution?.runId ?? 'none'}-${info.activityId}-${info.attempt}`,
    taskToken: info.base64TaskToken,
    activityType: info.activityType,
    workflowId: info.workflowExecution?.workflowId ?? '',
    runId: info.workflowExecution?.runId ?? '',
    activityId: info.activityId,
    attempt: info.attempt,
    ...(subagent && { copilotSessionId: subagent.copilotSessionId }),
    startedAt: new Date().toISOString(),
  };
}
