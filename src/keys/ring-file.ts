/** Makes and changes a key ring that is kept in a file. */
import { join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { createPrivateFile, ensurePrivateDir, writeDurableFile } from '../system/files.ts';
import { tryLock } from '../system/lock.ts';
import { newRing, ringText, type KeyRing, type PlainRule } from './key-ring.ts';
import { homeRingPath, readRing } from './key-source.ts';

/**
 * Makes the ring of the home `root`.
 * @param rule how messages that are not encrypted are treated
 * @throws SubagentsError BAD_INPUT if there is one already; DISK_FULL, FILE_ACCESS
 */
export function makeHomeRing(root: string, rule: PlainRule, anew = false): KeyRing {
  ensurePrivateDir(root);
  const path = homeRingPath(root);
  const ring = newRing(rule, anew);
  // For the disk at once: a ring that a power failure takes away takes its messages along.
  if (!createPrivateFile(path, ringText(ring), { durable: true }))
    throw new SubagentsError('BAD_INPUT', `there is a key ring already: ${path}`, {
      remedy: 'for a new key: `subagents keys rotate`',
    });
  return ring;
}

/**
 * Changes the ring in the file at `path`. Changes at the same time follow each other.
 * @param root the home, which has the lock
 * @throws SubagentsError KEYS_UNREADABLE, HOME_BUSY, DISK_FULL, FILE_ACCESS
 */
export async function changeRing(
  root: string,
  path: string,
  change: (ring: KeyRing) => KeyRing,
): Promise<KeyRing> {
  const answer = await tryLock(join(root, 'lock', 'keys'));
  if (!('lock' in answer))
    throw new SubagentsError('HOME_BUSY', `process ${answer.holder.pid} is changing the keys in ${root}`, {
      remedy: 'try again',
    });
  try {
    const ring = change(await readRing({ kind: 'file', path }));
    writeDurableFile(path, ringText(ring));
    return ring;
  } finally {
    answer.lock.release();
  }
}
