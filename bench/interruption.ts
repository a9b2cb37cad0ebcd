/** Closes everything that is open when this process is asked to end, because servers and workers would outlive it. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Something that must be closed in any case. */
export interface Open extends AsyncDisposable {
  /** Kills its processes at once, without other clean-up. */
  abandon(): void;
}

const everything = new Set<Open>();
let interrupted = false;

/** Whether this process was asked to end; later errors are not reported. */
export const isInterrupted = (): boolean => interrupted;

/** Registers `open` to be closed when this process is asked to end. Returns a function that unregisters it. */
export function closeWhenInterrupted(open: Open): () => void {
  everything.add(open);
  return () => void everything.delete(open);
}

/**
 * Makes SIGINT, SIGTERM and SIGHUP close everything that is open and end the process with exit code 128 plus the
 * signal's number, as in a shell; an uncaught exception does the same with exit code 1. A second signal kills all
 * processes immediately.
 */
export function listenForInterruption(say: (line: string) => void): void {
  for (const signal of SIGNALS)
    process.on(signal, () => {
      const exitCode = 128 + constants.signals[signal];
      if (interrupted) {
        for (const each of everything) each.abandon();
        process.exit(exitCode);
      }
      interrupted = true;
      say(`${signal}: closing what was started (once more: now)`);
      void closeAll().then(() => process.exit(exitCode));
    });
  // By default, an uncaught exception would end only this process.
  process.on('uncaughtException', (error) => {
    say(error.stack ?? String(error));
    void closeAll().then(() => process.exit(1));
  });
}

async function closeAll(): Promise<void> {
  await Promise.allSettled([...everything].map((each) => each[Symbol.asyncDispose]()));
}
