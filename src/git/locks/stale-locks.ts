/**
 * Lock files that a git process left in a worktree when it was killed (SIGKILL, a crash of the machine): git removes its own in
 * every other case, and each later command of it fails on them.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { statIfThere } from '../../system/files.ts';
import { removeTree } from '../../system/remove-tree.ts';

/** How long a git that may still run has to finish, in milliseconds. */
const PATIENCE_MS = 2_000;
const LOOK_MS = 50;

/** What of a repository belongs to one worktree alone. */
export interface OwnParts {
  /** Its own git directory. */
  readonly gitDir: string;
  /** The one that it shares. */
  readonly commonDir: string;
  /** The branch that is checked out there alone. */
  readonly branch: string;
}

/** The lock files there are now: of its index, its HEAD and its submodules, and of its branch. */
export async function locksOf({ gitDir, commonDir, branch }: OwnParts): Promise<string[]> {
  const ofBranch = join(commonDir, `refs/heads/${branch}.lock`);
  return [...(await locksBelow(gitDir)), ...(statIfThere(ofBranch) === undefined ? [] : [ofBranch])];
}

async function locksBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    // Objects are written without locks, and there may be many.
    if (entry.name === 'objects') return [];
    const isRepository = entry.isDirectory() && statIfThere(join(path, 'HEAD')) !== undefined;
    if (entry.name.endsWith('.lock') && !isRepository) return [path];
    return entry.isDirectory() ? locksBelow(path) : [];
  });
  return (await Promise.all(found)).flat();
}

/** Removes the lock files that a killed git left. Where it is not known whether one still runs, that gets two seconds to finish. */
export async function removeStaleLocks(parts: OwnParts): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  let locks = await locksOf(parts);
  while (locks.length > 0 && Date.now() < until) {
    await delay(LOOK_MS);
    locks = await locksOf(parts);
  }
  await removeLocks(locks);
}

/** Removes these lock files at once: nothing that holds them runs any more. */
export async function removeLocks(locks: readonly string[]): Promise<void> {
  await Promise.all(locks.map((lock) => removeTree(lock)));
}
