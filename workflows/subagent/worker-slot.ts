/**
 * The slot that a subagent holds on a worker: a running `holdSlot` activity, and the `slotGranted` signal that names
 * the worker.
 */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  sleep,
} from '@temporalio/workflow';
import { oneLine, workerQueue, type SlotGranted, type SubagentRef } from '../../src/contract/index.ts';
import { timeoutAsLost, slotCalls } from '../shared/activity-calls.ts';
import { backoff } from '../shared/backoff.ts';

export class WorkerSlot {
  /** The worker that holds, or last held, this subagent. It has the workspace and the Copilot session. */
  workerId: string | undefined;
  #held = false;
  #closed = false;
  #hold = 0;
  #scope: CancellationScope | undefined;
  #over: Promise<void> = Promise.resolve();
  readonly #subagent: SubagentRef;
  readonly #firstQueue: string;

  /**
   * @param firstQueue where to ask for the first slot: a host's queue, or that of the only worker that can have the
   * subagent. For a subagent of a pool, `taken` says the worker before the first slot is asked for.
   */
  constructor(subagent: SubagentRef, firstQueue: string) {
    this.#subagent = subagent;
    this.#firstQueue = firstQueue;
  }

  /** A worker of its pool has taken the subagent: slots are asked for there. */
  taken(workerId: string): void {
    this.workerId = workerId;
  }

  /** Whether the subagent holds a slot now. */
  get held(): boolean {
    return this.#held;
  }

  /** Handles the `slotGranted` signal. A signal for an earlier hold is ignored. */
  granted({ hold, workerId }: SlotGranted): void {
    if (hold !== this.#hold) return;
    this.workerId = workerId;
    this.#held = true;
  }

  /** Waits for a slot: at first on any worker of the first queue, afterwards on the worker that has the workspace. */
  async acquire(): Promise<void> {
    for (let failures = 0; !this.#held;) {
      if (this.#closed) throw ApplicationFailure.nonRetryable('its worker was given up', 'LOST');
      const hold = ++this.#hold;
      let over = false;
      let problem: string | undefined;
      const queue = this.workerId === undefined ? this.#firstQueue : workerQueue(this.workerId);
      this.#scope = new CancellationScope();
      const answer = this.#scope.run(() =>
        slotCalls(queue).holdSlot.executeWithOptions({ summary: `slot for ${this.#subagent.label}` }, [
          { subagent: this.#subagent, hold },
        ]),
      );
      this.#over = timeoutAsLost(answer).then(
        () => undefined,
        (error: unknown) => {
          // A cancellation of the subagent reaches the caller by itself.
          if (!isCancellation(error)) problem = String((error as Error).cause ?? error);
        },
      );
      void this.#over.then(() => {
        over = true;
        if (hold === this.#hold) this.#held = false;
      });
      await condition(() => this.#held || over);
      // A pause, so that a worker that fails to grant a slot (its disk is full, for example) is not asked in a tight
      // loop.
      if (problem !== undefined && !this.#held) {
        const summary = oneLine(`before the next request for a slot: ${problem}`, 100);
        await sleep(backoff(++failures, 0), { summary });
      }
    }
  }

  /** Drops a slot that was lost with its worker. */
  lose(): void {
    this.#held = false;
    this.#hold++;
    this.#scope?.cancel();
  }

  /** Gives the worker up: waiting for a slot fails from now on. */
  close(): void {
    this.#closed = true;
    this.lose();
  }

  /**
   * Does not wait for the hold to end: its worker could not be reached, and ends the hold itself once it sees that the
   * workflow closed.
   */
  leaveToWorker(): void {
    this.#over = Promise.resolve();
  }

  /** Waits until the hold has ended, after `stopSubagent` ended it on the worker. */
  async released(): Promise<void> {
    await this.#over;
    this.#held = false;
  }
}
