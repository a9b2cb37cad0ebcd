import type { SpawnOptions } from '../client/index.ts';
import type { Context } from './context.ts';
import { bytesText } from './render/numbers.ts';

/** Milliseconds between two pictures of the progress. */
const DRAW_MS = 200;

/**
 * Spawns, with progress on a terminal while a checkout is sent to a pool. Ctrl-C ends that, and only that.
 * @returns undefined if it was interrupted
 */
export async function sending<T>(
  { env, interrupt, output }: Context,
  spawn: (options: Pick<SpawnOptions, 'signal' | 'onSent'>) => Promise<T>,
): Promise<T | undefined> {
  const terminal =
    output.json || !process.stderr.isTTY || env['TERM'] === 'dumb' ? undefined : process.stderr;
  let drawnAt = 0;
  const onSent = (bytes: number): void => {
    if (terminal === undefined || Date.now() - drawnAt < DRAW_MS) return;
    drawnAt = Date.now();
    terminal.write(`\r${bytesText(bytes)} of the checkout sent to the store; Ctrl-C stops that\u001B[K`);
  };
  try {
    return await spawn({ signal: interrupt, onSent });
  } catch (error) {
    // Git gets the Ctrl-C, too, and may be first.
    if (interrupt.aborted) return undefined;
    throw error;
  } finally {
    if (drawnAt > 0) terminal?.write('\r\u001B[K');
  }
}
