/**
 * Finds files outside git where a merge would write new files. Git itself overwrites ignored files; with
 * `--no-overwrite-ignore` it keeps them only in a fast-forward.
 */

import { dirname, join } from 'node:path';
import type { Git } from '../git.ts';
import { statIfThere } from '../../system/files.ts';

const SUBMODULE = '160000';

/**
 * Returns paths of the checkout that are not in git, ignored or not, and would be lost when moving from the commit
 * `before` to `after`, a commit or a tree. The checkout must have no uncommitted changes.
 * @throws SubagentsError GIT
 */
export async function filesLostByMove(git: Git, before: string, after: string): Promise<string[]> {
  const args = ['diff-tree', '-r', '-z', '--no-renames', '--diff-filter=AD', before, after];
  // ":oldMode newMode oldId newId A", then the path.
  const items = (await git.run(args)).split('\0');
  const added: { path: string; mode: string }[] = [];
  const removed = new Set<string>();
  for (let at = 0; at + 1 < items.length; at += 2) {
    const [, mode = '', , , state] = (items[at] ?? '').split(' ');
    const path = items[at + 1] ?? '';
    if (state === 'A') added.push({ path, mode });
    else removed.add(path);
  }
  const found = new Set<string>();
  const folders: string[] = [];
  const parents = new Set<string>();
  for (const { path, mode } of added) {
    const kind = kindOf(join(git.cwd, path));
    if (kind === 'other') found.add(path);
    // A submodule may be placed into an existing folder.
    else if (kind === 'folder' && mode !== SUBMODULE) folders.push(path);
    for (let up = dirname(path); up !== '.' && !parents.has(up); up = dirname(up)) parents.add(up);
  }
  for (const parent of parents)
    if (!removed.has(parent) && kindOf(join(git.cwd, parent)) === 'other') found.add(parent);
  for (const path of await notInGit(git, folders)) found.add(path);
  return [...found].sort();
}

/** Returns all files in these folders that are not in git. */
async function notInGit(git: Git, folders: readonly string[]): Promise<string[]> {
  if (folders.length === 0) return [];
  const args = ['--literal-pathspecs', 'ls-files', '--others', '-z', '--', ...folders];
  return (await git.run(args)).split('\0').filter((path) => path !== '');
}

function kindOf(path: string): 'folder' | 'other' | undefined {
  try {
    const stat = statIfThere(path);
    return stat && (stat.isDirectory() ? 'folder' : 'other');
  } catch {
    return undefined; // A parent is a file, which is itself in the way.
  }
}
