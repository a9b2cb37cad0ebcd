/** Keeps a part of `up` running: restarts it when it dies, and gives up when restarting does not help. */
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError, type ErrorCode } from '../../contract/errors.ts';
import type { ServerExit } from '../../temporal/embedded/server.ts';
import type { Restarts } from './restarts.ts';

/** A running part. */
interface Running {
  /** Resolves when its process has ended, for any reason. */
  readonly exited: Promise<ServerExit>;
}

/** How a part is started, restarted and given up. */
export interface SuperviseOptions {
  /** Starts the part; resolves when it is ready. `again`: it ran before. */
  readonly start: (again: boolean) => Promise<Running>;
  readonly restarts: Restarts;
  /**
   * Waits until there is space on the disk, if a lack of it may have ended the part. Returns whether it had to wait.
   */
  readonly waitForSpace: (problem: Error | undefined) => Promise<boolean>;
  /** Called when the part has died and is about to be restarted. */
  readonly onDeath: (exit: ServerExit | undefined, restartInMs: number) => void;
  /** The error if the part died too often and there is no other. */
  readonly gaveUpError: () => SubagentsError;
  /** Stops the supervision; the part itself is left running. */
  readonly signal: AbortSignal;
}

/** Errors that another attempt may fix. */
const RETRYABLE: readonly ErrorCode[] = ['INTERNAL', 'FILE_ACCESS', 'DATABASE', 'TEMPORAL_UNREACHABLE'];

/**
 * Keeps a part running until `signal` is aborted.
 * @throws what the last start threw, or `gaveUpError()`, when the part is given up
 */
export async function superviseProcess(options: SuperviseOptions): Promise<void> {
  const { start, restarts, waitForSpace, onDeath, gaveUpError, signal } = options;
  const ended = aborted(signal);
  for (let again = false; !signal.aborted; again = true) {
    const since = Date.now();
    let exit: ServerExit | undefined;
    let problem: Error | undefined;
    try {
      const running = await Promise.race([start(again), ended]);
      if (running === undefined) return;
      restarts.ready();
      exit = await Promise.race([running.exited, ended]);
    } catch (error) {
      problem = error instanceof Error ? error : new Error(String(error));
    }
    if (signal.aborted) return;
    // A part that was never ready is not waited for: the caller of `up` gets the error instead.
    if (restarts.wasReady && (await waitForSpace(problem))) continue;
    const restartInMs = isRetryable(problem) ? restarts.died(Date.now() - since) : undefined;
    if (restartInMs === undefined) throw problem ?? gaveUpError();
    onDeath(exit, restartInMs);
    await delay(restartInMs, undefined, { signal }).catch(() => undefined);
  }
}

const isRetryable = (problem: Error | undefined): boolean =>
  problem === undefined || (problem instanceof SubagentsError && RETRYABLE.includes(problem.code));

/** Resolves when `signal` is aborted. */
export async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return undefined;
  return await new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
