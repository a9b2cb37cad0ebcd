/** Of several Copilot CLIs that have one conversation open, one brings into it what is announced. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../contract/index.ts';
import { tryLock } from '../system/lock.ts';

/** How soon another takes over once the terminal that did it is closed. */
const LOOK_MS = 3_000;

/**
 * Settles when this process is the one; it stays that until it ends.
 * @param folder of the Copilot session, shared by all that have it open
 * @returns whether another was the one before
 */
export async function untilSoleReceiver(folder: string | undefined): Promise<boolean> {
  if (folder === undefined) return false;
  for (let waited = false; ; waited = true) {
    try {
      if ('lock' in (await tryLock(join(folder, 'subagents-receiver')))) return waited;
    } catch (error) {
      // Where nothing can be locked, twice is better than never.
      if (!(error instanceof SubagentsError && error.code === 'HOME_BUSY')) return waited;
    }
    await delay(LOOK_MS);
  }
}
