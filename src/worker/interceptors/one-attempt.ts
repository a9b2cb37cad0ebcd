/**
 * Runs one attempt at a time on a subagent's workspace. After a suspension, a worker may get the next attempt of an
 * activity while the first, given up by the server, still runs; two at once would conflict. Turns ensure this
 * themselves.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { HEARTBEAT_INTERVAL_MS, type WorkerActivities } from '../../contract/index.ts';

const ON_THE_WORKSPACE: ReadonlySet<string> = new Set<keyof WorkerActivities>([
  'cloneRepository',
  'prepareWorkspace',
  'setUpWorkspace',
  'collectEvidence',
  'verifyCommit',
  'pushBranch',
  'saveWork',
]);

/** An attempt that does not end within this many milliseconds (git on a hanging disk) is no longer waited for. */
const EARLIER_ATTEMPT_TIMEOUT_MS = 60_000;

/** Promises that settle when the attempts on this worker are over, by run id of their subagent. */
export type Attempts = Map<string, Promise<unknown>>;

/** Delays an attempt on a workspace until earlier attempts of the same run are over. */
export class OneAttempt implements ActivityInboundCallsInterceptor {
  readonly #context: Context;
  readonly #attempts: Attempts;

  constructor(context: Context, attempts: Attempts) {
    this.#context = context;
    this.#attempts = attempts;
  }

  async execute(
    input: ActivityExecuteInput,
    next: Next<ActivityInboundCallsInterceptor, 'execute'>,
  ): Promise<unknown> {
    const { activityType, workflowExecution } = this.#context.info;
    if (workflowExecution === undefined || !ON_THE_WORKSPACE.has(activityType)) return next(input);
    const { runId } = workflowExecution;
    const before = this.#attempts.get(runId) ?? Promise.resolve();
    const attempt = this.#after(before).then(() => next(input));
    const over = Promise.allSettled([before, attempt]);
    this.#attempts.set(runId, over);
    void over.then(() => {
      if (this.#attempts.get(runId) === over) this.#attempts.delete(runId);
    });
    return attempt;
  }

  /** Waits for earlier attempts. The server has given them up, and they learn that with their next heartbeat. */
  async #after(before: Promise<unknown>): Promise<void> {
    const beat = setInterval(() => this.#context.heartbeat(), HEARTBEAT_INTERVAL_MS);
    const over = new AbortController();
    const patience = delay(EARLIER_ATTEMPT_TIMEOUT_MS, undefined, { ref: false, signal: over.signal });
    try {
      await Promise.race([before, this.#context.cancelled, patience]);
    } finally {
      clearInterval(beat);
      over.abort();
    }
  }
}
