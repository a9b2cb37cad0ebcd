/** Finds sockets, pipes and devices in a worktree, which git skips and no checkout creates. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../system/files.ts';
import type { Git } from '../git.ts';

/**
 * Returns special files in the worktree that git does not ignore, by their paths from the root, except those in
 * nested repositories.
 * @param ignoredPaths the ignored paths, as `classifyIgnored` takes them; they are not searched
 * @throws SubagentsError GIT
 */
export async function specialFiles(git: Git, ignoredPaths: readonly string[]): Promise<string[]> {
  const ignored = new Set(ignoredPaths);
  const found: string[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await entriesIn(join(git.cwd, folder))) {
      const path = `${folder}${entry.name}`;
      if (isSpecial(entry)) found.push(path);
      else if (entry.isDirectory() && entry.name !== '.git' && !ignored.has(`${path}/`))
        if (!namesIn(join(git.cwd, path)).includes('.git')) folders.push(`${path}/`);
    }
  }
  if (found.length === 0) return [];
  const { stdout } = await git.try(['check-ignore', '-z', '--stdin'], { input: found.join('\0') });
  const matched = new Set(stdout.split('\0'));
  return found.filter((path) => !matched.has(path));
}

const isSpecial = (entry: Dirent): boolean =>
  entry.isSocket() || entry.isFIFO() || entry.isBlockDevice() || entry.isCharacterDevice();

/** Lists a folder; empty when it cannot be read or disappears meanwhile. */
async function entriesIn(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}
