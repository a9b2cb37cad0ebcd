/** Sockets, pipes and devices in a worktree: git passes over them, and no checkout makes any. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../system/files.ts';
import type { Git } from '../git.ts';

/**
 * Those in the worktree `cwd` that git does not ignore, by their paths from its root; none of a repository within it.
 * @param ignoredPaths what git ignores there, as `tellIgnored` has it: it is not looked into
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

/** None of a folder that may not be read, or that goes while we look. */
async function entriesIn(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}
