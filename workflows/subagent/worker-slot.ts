/** The slot a subagent holds on a worker: a running `holdSlot` activity, and the `slotGranted` signal that said on which worker. */
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
  /** The worker that holds, or last held, this subagent. It keeps its workspace and its Copilot session. */
  workerId: string | undefined;
  #held = false;
  #closed = false;
  #hold = 0;
  #scope: CancellationScope | undefined;
  #over: Promise<void> = Promise.resolve();
  readonly #subagent: SubagentRef;
  readonly #firstQueue: string;

  /** `firstQueue`: where a slot is asked for the first time: that of a host, or of the one worker that can take it. */
  constructor(subagent: SubagentRef, firstQueue: string) {
    this.#subagent = subagent;
    this.#firstQueue = firstQueue;
  }

  /** Whether the subagent holds a slot now. */
  get held(): boolean {
    return this.#held;
  }

  /** Handles the `slotGranted` signal; an old hold cannot speak for a new one. */
  granted({ hold, workerId }: SlotGranted): void {
    if (hold !== this.#hold) return;
    this.workerId = workerId;
    this.#held = true;
  }

  /** Waits for a slot: on any worker of the first queue the first time, afterwards on the worker that has the workspace. */
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
          // One that is cancelled with the subagent learns of that by itself.
          if (!isCancellation(error)) problem = String((error as Error).cause ?? error);
        },
      );
      void this.#over.then(() => {
        over = true;
        if (hold === this.#hold) this.#held = false;
      });
      await condition(() => this.#held || over);
      // A worker that cannot take it (its disk is full, say) is not asked without end.
      if (problem !== undefined && !this.#held) {
        const summary = oneLine(`before a slot is asked for again: ${problem}`, 100);
        await sleep(backoff(++failures, 0), { summary });
      }
    }
  }

  /** Forgets the slot that went away with its worker. */
  lose(): void {
    this.#held = false;
    this.#hold++;
    this.#scope?.cancel();
  }

  /** Forgets the worker for good: nobody waits for a slot on it any more. */
  close(): void {
    this.#closed = true;
    this.lose();
  }

  /** Its worker, which could not be told, ends the hold when it sees that the workflow has closed: nobody waits for that. */
  leaveToWorker(): void {
    this.#over = Promise.resolve();
  }

  /** Waits until the hold is over, after `stopSubagent` has ended it on the worker. */
  async released(): Promise<void> {
    await this.#over;
    this.#held = false;
  }
}
