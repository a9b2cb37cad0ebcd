/**
 * Removes lock files that a killed git process left in a worktree (SIGKILL, a crash of the machine). Git removes
 * its locks in all other cases, and later git commands fail on them.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { statIfThere } from '../../system/files.ts';
import { removeTree } from '../../system/remove-tree.ts';

/** Milliseconds that a git process which may still run gets to finish. */
const WAIT_TIMEOUT_MS = 2_000;
const CHECK_INTERVAL_MS = 50;

/** The parts of a repository that belong to one worktree alone. */
export interface OwnParts {
  /** The worktree's own git directory. */
  readonly gitDir: string;
  /** The shared git directory. */
  readonly commonDir: string;
  /** The branch that only this worktree has checked out. */
  readonly branch: string;
}

/** Returns the existing lock files of the worktree's index, HEAD, submodules and branch. */
export async function locksOf({ gitDir, commonDir, branch }: OwnParts): Promise<string[]> {
  const ofBranch = join(commonDir, `refs/heads/${branch}.lock`);
  return [...(await locksBelow(gitDir)), ...(statIfThere(ofBranch) === undefined ? [] : [ofBranch])];
}

async function locksBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    // Git writes objects without locks, and there may be many.
    if (entry.name === 'objects') return [];
    const isRepository = entry.isDirectory() && statIfThere(join(path, 'HEAD')) !== undefined;
    if (entry.name.endsWith('.lock') && !isRepository) return [path];
    return entry.isDirectory() ? locksBelow(path) : [];
  });
  return (await Promise.all(found)).flat();
}

/**
 * Removes the worktree's lock files. First waits up to two seconds, since the git process that holds them may still
 * be running.
 */
export async function removeStaleLocks(parts: OwnParts): Promise<void> {
  const until = Date.now() + WAIT_TIMEOUT_MS;
  let locks = await locksOf(parts);
  while (locks.length > 0 && Date.now() < until) {
    await delay(CHECK_INTERVAL_MS);
    locks = await locksOf(parts);
  }
  await removeLocks(locks);
}

/** Removes lock files at once. Call only when no process holds them. */
export async function removeLocks(locks: readonly string[]): Promise<void> {
  await Promise.all(locks.map((lock) => removeTree(lock)));
}
