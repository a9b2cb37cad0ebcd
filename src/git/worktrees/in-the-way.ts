/**
 * What of a checkout lies where a merge would put new files, and is not in git. Git itself overwrites ignored files, and
 * keeps them with `--no-overwrite-ignore` only where the branch need but move forward.
 */

import { dirname, join } from 'node:path';
import type { Git } from '../git.ts';
import { statIfThere } from '../../system/files.ts';

const SUBMODULE = '160000';

/**
 * Paths of the checkout `cwd` that are not in git, ignored or not, and would be lost when it goes from the commit `before`
 * to `after`, a commit or a tree. Nothing of it may be uncommitted.
 * @throws SubagentsError GIT
 */
export async function inTheWay(git: Git, before: string, after: string): Promise<string[]> {
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
    // A submodule comes into a folder that is there.
    else if (kind === 'folder' && mode !== SUBMODULE) folders.push(path);
    for (let up = dirname(path); up !== '.' && !parents.has(up); up = dirname(up)) parents.add(up);
  }
  for (const parent of parents)
    if (!removed.has(parent) && kindOf(join(git.cwd, parent)) === 'other') found.add(parent);
  for (const path of await notInGit(git, folders)) found.add(path);
  return [...found].sort();
}

/** All below these folders that is not in git. */
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
    return undefined; // Below a file: that one is in the way.
  }
}
