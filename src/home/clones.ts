/** Manages clones of repositories named by URL: one for each URL in a home, made once by whoever needs it first. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repositoryName } from '../contract/index.ts';
import { tryLock, withLock } from '../system/lock.ts';

interface CloneHome {
  readonly paths: { readonly repositories: string };
}

const MAKING = '.making';
const LOCK = '.lock';

/** Returns the path of a URL's clone. The name is for people; the hash distinguishes URLs. */
export function clonePath({ paths }: CloneHome, url: string): string {
  const name = repositoryName(url)
    .replace(/[^\w.-]+/g, '_')
    .slice(0, 60);
  const hash = createHash('sha256').update(url).digest('hex').slice(0, 12);
  return join(paths.repositories, `${name}-${hash}`);
}

/** The root of the home that has this clone. */
export const homeOfClone = (path: string): string => dirname(dirname(path));

/**
 * Runs `use` with the clone at `path`, which `make` creates when it is missing. Of several processes that want it
 * at once, one makes it and the others wait. The remains of an interrupted attempt are removed first: the clone
 * appears completely or not at all.
 * @param make fills the folder that it is given, which does not exist yet.
 * @param use runs while nobody else makes, changes or removes the clone.
 * @throws what `make` and `use` throw; the reason of `signal` while it waits
 */
export async function withClone<T>(
  path: string,
  make: (folder: string) => Promise<void>,
  use: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return withCloneLock(path, signal, async () => {
    const folder = `${path}${MAKING}`;
    if (!existsSync(path)) {
      await rm(folder, { recursive: true, force: true });
      try {
        await make(folder);
        await rename(folder, path);
      } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
    const now = new Date();
    await utimes(path, now, now);
    return use();
  });
}

/** The folder of a clone while it is being made. */
export const unfinishedClonePath = (path: string): string => `${path}${MAKING}`;

/** Returns the clones of a home. */
export async function listClones({ paths }: CloneHome): Promise<string[]> {
  const names = await readdir(paths.repositories).catch(() => []);
  return names
    .filter((name) => !name.endsWith(LOCK) && !name.endsWith(MAKING))
    .map((name) => join(paths.repositories, name));
}

/** Removes the clone at `path`. If that is interrupted, the rest counts as an interrupted attempt to make it. */
export async function removeClone(path: string): Promise<void> {
  const folder = unfinishedClonePath(path);
  await rm(folder, { recursive: true, force: true });
  await rename(path, folder);
  await rm(folder, { recursive: true, force: true });
}

/** Runs `work` as `exclusively` does, or not at all when another process holds the clone. */
export async function withCloneLockIfFree(path: string, work: () => Promise<void>): Promise<void> {
  const taken = await tryLock(`${path}${LOCK}`);
  if ('holder' in taken) return;
  try {
    await work();
  } finally {
    taken.lock.release();
  }
}

/** Runs `work` while nobody else makes, changes or removes the clone at `path`. */
export const withCloneLock = <T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
  withLock(`${path}${LOCK}`, work, { signal });
