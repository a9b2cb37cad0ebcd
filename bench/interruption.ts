/** What is open when this process is asked to end: it is closed first, for servers and workers would outlive it. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Something that has to be closed, whatever happens. */
export interface Open extends AsyncDisposable {
  /** Ends its processes at once, and leaves everything else. */
  abandon(): void;
}

const everything = new Set<Open>();
let interrupted = false;

/** Whether this process was asked to end: what fails from then on is not worth a word. */
export const isInterrupted = (): boolean => interrupted;

/** From now until the returned function is called, `open` is closed when this process is asked to end. */
export function closeWhenInterrupted(open: Open): () => void {
  everything.add(open);
  return () => void everything.delete(open);
}

/**
 * Has SIGINT, SIGTERM and SIGHUP close what is open, and end the process with 128 and the number of the signal as a
 * shell would say it; an error that nobody catches, with 1. A second signal does not wait: it ends the processes and this one.
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
  // An error that nobody caught would end this process alone.
  process.on('uncaughtException', (error) => {
    say(error.stack ?? String(error));
    void closeAll().then(() => process.exit(1));
  });
}

async function closeAll(): Promise<void> {
  await Promise.allSettled([...everything].map((each) => each[Symbol.asyncDispose]()));
}
