/** Async iteration that can be ended while it waits. */
import { LinkedSignal } from '../connection/linked-signal.ts';

/**
 * An async generator over `produce` that `return()` and `signals` end at once, even while it waits. (A plain async
 * generator handles `return()` only after its pending `next()`.) An end by signal is not an error.
 */
export function endableIterator<T>(
  signals: readonly (AbortSignal | undefined)[],
  produce: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const end = new LinkedSignal(signals);
  const inner = produce(end.signal);
  const stop = (): void => {
    end.abort(new DOMException('The iteration was stopped.', 'AbortError'));
    end[Symbol.dispose]();
  };
  return {
    async next() {
      if (end.signal.aborted) return this.return(undefined);
      try {
        const item = await inner.next();
        if (item.done === true) stop();
        return item;
      } catch (error) {
        const ended = end.signal.aborted;
        stop();
        if (ended) return { done: true, value: undefined };
        throw error;
      }
    },
    async return() {
      stop();
      await inner.return();
      return { done: true, value: undefined };
    },
    async throw(error: unknown) {
      stop();
      return inner.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}

/** Waits `ms` milliseconds. @throws the reason of `signal` when it is aborted first */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** How long `settleWithin` waits, in milliseconds. */
const SETTLE_TIMEOUT_MS = 1_000;

/** Waits until `work` resolves or rejects, for at most a second. */
export async function settleWithin(work: Promise<unknown> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, SETTLE_TIMEOUT_MS)));
  await Promise.race([Promise.allSettled([work]), patience]);
  clearTimeout(timer);
}
