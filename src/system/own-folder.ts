/**
 * Folders told apart by what the file system knows them as, not by what lies at a path now: a symbolic link, another folder
 * or a mount may have taken their place.
 */
import { constants, existsSync, lstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The inode of the folder at `path`; undefined where there is none, where a symbolic link lies there, and where it is on another
 * device than the folder that it lies in. The number of the device itself changes with a reboot, so it is compared and not given.
 */
export function folderId(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat?.isDirectory()) return undefined;
  const parent = lstatSync(dirname(path), { bigint: true });
  return stat.dev === parent.dev ? String(stat.ino) : undefined;
}

/**
 * Does `work` in the folder at `path`, which must be the one with `id`. What it is given leads to that very folder, whatever takes
 * the place of `path` meanwhile; where the system has no such paths, it is `path` itself.
 * @throws the system's error where there is no folder; Error where it is another one
 */
export async function inFolder<T>(path: string, id: string, work: (at: string) => Promise<T>): Promise<T> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (String((await folder.stat({ bigint: true })).ino) !== id)
      throw new Error(`${path} is no longer the folder that it was`);
    const held = `/proc/self/fd/${folder.fd}`;
    return await work(existsSync(held) ? held : path);
  } finally {
    await folder.close();
  }
}
