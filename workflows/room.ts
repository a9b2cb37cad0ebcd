/** The room a subagent occupies on a worker: a running `stay` activity, and the `placed` signal that told where. */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  sleep,
} from '@temporalio/workflow';
import { oneLine, workerQueue, type Placed, type SubagentRef } from '../src/contract/index.ts';
import { orLost, place } from './activity-calls.ts';
import { backoff } from './backoff.ts';

export class Room {
  /** The worker that holds, or last held, this subagent. It keeps its workspace and its Copilot session. */
  workerId: string | undefined;
  #taken = false;
  #closed = false;
  #stay = 0;
  #scope: CancellationScope | undefined;
  #over: Promise<void> = Promise.resolve();
  readonly #subagent: SubagentRef;
  readonly #firstQueue: string;

  /** `firstQueue`: where room is asked for the first time: that of a host, or of the one worker that can take it. */
  constructor(subagent: SubagentRef, firstQueue: string) {
    this.#subagent = subagent;
    this.#firstQueue = firstQueue;
  }

  /** Whether the subagent has room now. */
  get taken(): boolean {
    return this.#taken;
  }

  /** Handles the `placed` signal; an old stay cannot speak for a new one. */
  placed({ stay, workerId }: Placed): void {
    if (stay !== this.#stay) return;
    this.workerId = workerId;
    this.#taken = true;
  }

  /** Waits for room: on any worker of the first queue the first time, afterwards on the worker that has the workspace. */
  async take(): Promise<void> {
    for (let failures = 0; !this.#taken;) {
      if (this.#closed) throw ApplicationFailure.nonRetryable('its worker was given up', 'LOST');
      const stay = ++this.#stay;
      let over = false;
      let problem: string | undefined;
      const queue = this.workerId === undefined ? this.#firstQueue : workerQueue(this.workerId);
      this.#scope = new CancellationScope();
      const answer = this.#scope.run(() =>
        place(queue).stay.executeWithOptions({ summary: `room for ${this.#subagent.label}` }, [
          { subagent: this.#subagent, stay },
        ]),
      );
      this.#over = orLost(answer).then(
        () => undefined,
        (error: unknown) => {
          // One that is cancelled with the subagent learns of that by itself.
          if (!isCancellation(error)) problem = String((error as Error).cause ?? error);
        },
      );
      void this.#over.then(() => {
        over = true;
        if (stay === this.#stay) this.#taken = false;
      });
      await condition(() => this.#taken || over);
      // A worker that cannot take it (its disk is full, say) is not asked without end.
      if (problem !== undefined && !this.#taken) {
        const summary = oneLine(`before room is asked for again: ${problem}`, 100);
        await sleep(backoff(++failures, 0), { summary });
      }
    }
  }

  /** Forgets room that went away with its worker. */
  lose(): void {
    this.#taken = false;
    this.#stay++;
    this.#scope?.cancel();
  }

  /** Forgets the worker for good: nobody waits for room on it any more. */
  close(): void {
    this.#closed = true;
    this.lose();
  }

  /** Its worker, which could not be told, ends the stay when it sees that the workflow has closed: nobody waits for that. */
  leaveToWorker(): void {
    this.#over = Promise.resolve();
  }

  /** Waits until the stay is over, after `stopSubagent` has ended it on the worker. */
  async left(): Promise<void> {
    await this.#over;
    this.#taken = false;
  }
}
