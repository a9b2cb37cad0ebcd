/** Clones of repositories that were named by URL: one for each URL in a home, made once, whoever needs it first. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { repositoryName } from '../contract/index.ts';
import { tryLock } from '../system/lock.ts';

interface CloneHome {
  readonly paths: { readonly repositories: string };
}

/** Between two looks at a lock that somebody else has, in milliseconds. */
const LOOK_EVERY_MS = 200;
const MAKING = '.making';
const LOCK = '.lock';

/** Where the clone of a URL lies. The name is for people; what follows it tells URLs apart. */
export function clonePath({ paths }: CloneHome, url: string): string {
  const name = repositoryName(url)
    .replace(/[^\w.-]+/g, '_')
    .slice(0, 60);
  const hash = createHash('sha256').update(url).digest('hex').slice(0, 12);
  return join(paths.repositories, `${name}-${hash}`);
}

/**
 * Gives the clone at `path`, made by `make` where there is none. Of several who want it at once, in whatever process, one makes it
 * and the others wait. What a cut-short making left is removed first: the clone appears whole, or not at all.
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
  return exclusively(path, signal, async () => {
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

/** What was written so far of a clone that is being made at `path`. */
export const makingPath = (path: string): string => `${path}${MAKING}`;

/** The clones of a home. */
export async function listClones({ paths }: CloneHome): Promise<string[]> {
  const names = await readdir(paths.repositories).catch(() => []);
  return names
    .filter((name) => !name.endsWith(LOCK) && !name.endsWith(MAKING))
    .map((name) => join(paths.repositories, name));
}

/** Removes the clone at `path`; cut short, what is left of it is taken for a making that was. */
export async function removeClone(path: string): Promise<void> {
  const folder = makingPath(path);
  await rm(folder, { recursive: true, force: true });
  await rename(path, folder);
  await rm(folder, { recursive: true, force: true });
}

/** Runs `work` as `exclusively` does, unless somebody has the clone at `path` now. */
export async function ifFree(path: string, work: () => Promise<void>): Promise<void> {
  const taken = await tryLock(`${path}${LOCK}`);
  if ('holder' in taken) return;
  try {
    await work();
  } finally {
    taken.lock.release();
  }
}

/** Runs `work` while nobody else makes, changes or removes the clone at `path`. */
export async function exclusively<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const taken = await tryLock(`${path}${LOCK}`);
    if ('holder' in taken) {
      await delay(LOOK_EVERY_MS, undefined, { signal });
      continue;
    }
    try {
      return await work();
    } finally {
      taken.lock.release();
    }
  }
}
