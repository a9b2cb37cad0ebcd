/** Selects one process to push announcements when several Copilot CLIs have the same conversation open. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../contract/index.ts';
import { tryLock } from '../system/lock.ts';

/** How often the lock is tried, in milliseconds: how soon another process takes over after the end of the first. */
const CHECK_INTERVAL_MS = 3_000;

/**
 * Resolves when this process is the sole receiver, which it then stays until it ends.
 * @param folder the folder of the Copilot session, shared by all processes that have it open
 * @returns whether another process was the receiver before
 */
export async function untilSoleReceiver(folder: string | undefined): Promise<boolean> {
  if (folder === undefined) return false;
  for (let waited = false; ; waited = true) {
    try {
      if ('lock' in (await tryLock(join(folder, 'subagents-receiver')))) return waited;
    } catch (error) {
      // If locking fails, delivering an announcement twice is better than never.
      if (!(error instanceof SubagentsError && error.code === 'HOME_BUSY')) return waited;
    }
    await delay(CHECK_INTERVAL_MS);
  }
}
