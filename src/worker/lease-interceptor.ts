/** Around every activity on a worker's queues: a lease on disk while it runs, a heartbeat, and an honest answer at shutdown. */
import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { HEARTBEAT_INTERVAL_MS, type Lost, type SubagentRef } from '../contract/index.ts';
import { removeLease, writeLease, type Lease } from '../home/leases.ts';

/** Activities that heartbeat by themselves, with details that a bare heartbeat would wipe out. */
const OWN_HEARTBEAT = new Set(['runTurn', 'setUpWorkspace', 'verifyCommit', 'cloneRepository']);

export class LeaseInterceptor implements ActivityInboundCallsInterceptor {
  readonly #context: Context;
  readonly #leases: string;

  /** `leases`: the directory of the home that holds them. */
  constructor(context: Context, leases: string) {
    this.#context = context;
    this.#leases = leases;
  }

  async execute(
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    const lease = leaseOf(this.#context, input.args);
    try {
      writeLease(this.#leases, lease);
    } catch (error) {
      // A disk that is full must not keep a subagent from being ended, which may be done twice.
      if (lease.activityType !== 'stopSubagent') throw error;
    }
    const beat = OWN_HEARTBEAT.has(lease.activityType)
      ? undefined
      : setInterval(() => this.#context.heartbeat(), HEARTBEAT_INTERVAL_MS);
    try {
      return await next(input);
    } catch (error) {
      if (!this.#context.cancellationDetails?.workerShutdown) throw error;
      return { kind: 'lost', who: 'worker', reason: 'its worker was stopped' } satisfies Lost;
    } finally {
      clearInterval(beat);
      removeLease(this.#leases, lease.id);
    }
  }
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
