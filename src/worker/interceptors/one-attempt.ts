/**
 * One attempt at a time of what works on a subagent's workspace. A worker that stood still finds its attempt given up and
 * the next one handed to it, while the first still runs: two at once would get in each other's way. Turns see to it themselves.
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
]);

/** One that does not end within this (git on a disk that hangs) is left behind, in milliseconds. */
const PATIENCE_MS = 60_000;

/** What settles when the attempts on this worker are over, by the run of their subagent. */
export type Attempts = Map<string, Promise<unknown>>;

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

  /** Waits for those before. The server has given them up, which they hear with their next heartbeat. */
  async #after(before: Promise<unknown>): Promise<void> {
    const beat = setInterval(() => this.#context.heartbeat(), HEARTBEAT_INTERVAL_MS);
    const over = new AbortController();
    const patience = delay(PATIENCE_MS, undefined, { ref: false, signal: over.signal });
    try {
      await Promise.race([before, this.#context.cancelled, patience]);
    } finally {
      clearInterval(beat);
      over.abort();
    }
  }
}
