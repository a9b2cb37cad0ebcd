/** A worker that is given up: nobody waits for it any more. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { ForgetRequest } from '../../src/contract/index.ts';

export class GiveUp {
  /** Set once the worker was given up. */
  request: ForgetRequest | undefined;
  #reject: (error: Error) => void = () => undefined;
  readonly #ended: Promise<never>;

  constructor() {
    this.#ended = new Promise((_, reject) => (this.#reject = reject));
    this.#ended.catch(() => undefined);
  }

  /** Gives the worker up: whatever waits for it ends at once, with an error. */
  now(request: ForgetRequest): void {
    this.request ??= request;
    this.#reject(ApplicationFailure.nonRetryable(request.reason, 'LOST'));
  }

  /** What `work` gives. Rejects once the worker is given up. */
  orEnd<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended]);
  }
}
