/** Keeping a part of `up` running: started again when it dies, given up when that is of no use. */
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError, type ErrorCode } from '../../contract/errors.ts';
import type { ServerExit } from '../../temporal/embedded.ts';
import type { Restarts } from './restarts.ts';

/** A part that runs. */
interface Running {
  /** Resolves when its process has ended, whoever ended it. */
  readonly exited: Promise<ServerExit>;
}

export interface KeepOptions {
  /** Starts it; resolves when it is ready. `again` says that it ran before. */
  readonly start: (again: boolean) => Promise<Running>;
  readonly restarts: Restarts;
  /** Waits until there is space on the disk, where its end may come from there being none. Gives whether it had to. */
  readonly waitForSpace: (problem: Error | undefined) => Promise<boolean>;
  /** Called when it has died and is about to be started again. */
  readonly onDeath: (exit: ServerExit | undefined, restartInMs: number) => void;
  /** What to throw when it died too often and nothing else says why. */
  readonly givenUp: () => SubagentsError;
  /** Ends the keeping; the part is left as it is. */
  readonly signal: AbortSignal;
}

/** Errors that another try may cure. */
const CURABLE: readonly ErrorCode[] = ['INTERNAL', 'FILE_ACCESS', 'DATABASE', 'TEMPORAL_UNREACHABLE'];

/**
 * Keeps a part running until `signal`.
 * @throws what the last start threw, or `givenUp()`, when the part is given up
 */
export async function keepRunning(options: KeepOptions): Promise<void> {
  const { start, restarts, waitForSpace, onDeath, givenUp, signal } = options;
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
    // A part that never was ready is not waited for: whoever starts `up` is told what is wrong.
    if (restarts.wasReady && (await waitForSpace(problem))) continue;
    const restartInMs = isCurable(problem) ? restarts.died(Date.now() - since) : undefined;
    if (restartInMs === undefined) throw problem ?? givenUp();
    onDeath(exit, restartInMs);
    await delay(restartInMs, undefined, { signal }).catch(() => undefined);
  }
}

const isCurable = (problem: Error | undefined): boolean =>
  problem === undefined || (problem instanceof SubagentsError && CURABLE.includes(problem.code));

/** Resolves when `signal` is aborted. */
export async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return undefined;
  return await new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
