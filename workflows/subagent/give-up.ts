/** The decision to give a worker up, after which nothing waits for that worker. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { ForgetRequest } from '../../src/contract/index.ts';

export class GiveUp {
  /** Set once the worker was given up. */
  request: ForgetRequest | undefined;
  #reject: (error: Error) => void = () => undefined;
  readonly #givenUp: Promise<never>;

  constructor() {
    this.#givenUp = new Promise((_, reject) => (this.#reject = reject));
    this.#givenUp.catch(() => undefined);
  }

  /** Gives the worker up: everything that waits in `race` fails at once. */
  trigger(request: ForgetRequest): void {
    this.request ??= request;
    this.#reject(ApplicationFailure.nonRetryable(request.reason, 'LOST'));
  }

  /** The result of `work`. Rejects once the worker is given up. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#givenUp]);
  }
}
