/**
 * Identifies folders by inode instead of path, because a symbolic link, another folder or a mount may have replaced
 * one.
 */
import { constants, existsSync, lstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The inode of the folder at `path`; undefined if there is none, if it is a symbolic link, or if it is on another
 * device than its parent folder. The device number changes with a reboot, so it is compared but not returned.
 */
export function folderId(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat?.isDirectory()) return undefined;
  const parent = lstatSync(dirname(path), { bigint: true });
  return stat.dev === parent.dev ? String(stat.ino) : undefined;
}

/**
 * Runs `work` in the folder at `path`, which must have the inode `id`. `work` gets a path that leads to this very
 * folder, even if `path` is replaced meanwhile; on systems without such paths it gets `path` itself.
 * @throws the system's error if there is no folder; Error if it is a different one
 */
export async function inFolder<T>(path: string, id: string, work: (at: string) => Promise<T>): Promise<T> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (String((await folder.stat({ bigint: true })).ino) !== id)
      throw new Error(`${path} was replaced by another folder`);
    const held = `/proc/self/fd/${folder.fd}`;
    return await work(existsSync(held) ? held : path);
  } finally {
    await folder.close();
  }
}
