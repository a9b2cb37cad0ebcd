/**
 * Runs work with unpredictable time or memory needs in a separate thread, which is ended at a limit, so that nothing
 * else is held up.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** The limits at which the thread is ended. */
export interface ThreadLimits {
  /** In milliseconds. */
  readonly timeoutMs: number;
  /** Limit of JavaScript's heap, in MiB. */
  readonly heapMb: number;
}

/** The thread was ended at a limit. */
export class LimitReached extends Error {
  override readonly name = 'LimitReached';
}

/**
 * Runs the module `file` in a thread, with `input` as its `workerData`, and returns the one message it posts.
 * @throws LimitReached, or what the module threw
 */
export async function runInThread(
  file: URL,
  input: unknown,
  { timeoutMs, heapMb }: ThreadLimits,
): Promise<unknown> {
  const options: WorkerOptions = {
    workerData: input,
    env: {},
    stdin: false,
    resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: Math.ceil(heapMb / 8) },
  };
  const thread = new Worker(file, options);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? new LimitReached(`it took more than ${heapMb} MB of memory`)
            : error,
        ),
      );
      thread.once('exit', () => reject(new Error(`${file.pathname} ended without an answer`)));
      timer = setTimeout(
        () => reject(new LimitReached(`it took longer than ${Math.round(timeoutMs / 1_000)} s`)),
        timeoutMs,
      );
    });
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}
