/** Finds work in the repositories nested in a worktree, which the worktree's own branch cannot contain. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readableWorktreeStatus } from '../commits/own-index.ts';
import { gitlinks, MAX_DEPTH } from '../worktrees/submodules.ts';
import type { Git } from '../git.ts';

/** A nested repository, and its work that would be lost. */
export interface NestedWork {
  /** The repository's path from the root of the worktree. */
  readonly path: string;
  readonly reason: string;
  /** Uncommitted files, by path from the root of the worktree. */
  readonly files: readonly string[];
  /** The folder of the submodule that contains the files; undefined when the whole nested repository is meant. */
  readonly submodule?: string;
}

/**
 * Returns uncommitted work in the worktree's submodules, including files that their indexes hide, and nested
 * repositories that no `.gitmodules` declares: a clone has an empty folder in their place.
 * @throws SubagentsError GIT
 */
export async function findNestedWork(git: Git, { prefix = '', depth = 1 } = {}): Promise<NestedWork[]> {
  if (depth > MAX_DEPTH) return [];
  const links = (await gitlinks(git, [])).filter((path) => existsSync(join(git.cwd, path, '.git')));
  if (links.length === 0) return [];
  const declared = await declaredSubmodules(git);
  const found: NestedWork[] = [];
  for (const link of links) {
    const [here, path] = [join(git.cwd, link), join(prefix, link)];
    if (!declared.has(link)) {
      const reason =
        'a repository that is not in .gitmodules: a clone of the branch has an empty folder there';
      found.push({ path: `${path}/`, reason, files: [path] });
      continue;
    }
    const { changed, untracked } = await readableWorktreeStatus(git.in(here));
    const own = changed.filter(({ dirtySubmodule }) => !dirtySubmodule).map((each) => each.path);
    const files = [...own, ...untracked].map((file) => join(path, file.replace(/\/$/, '')));
    if (files.length > 0) {
      const named = files.slice(0, 3).join(', ') + (files.length > 3 ? ` and ${files.length - 3} more` : '');
      const reason = `uncommitted changes in the submodule: ${named}`;
      found.push({ path: `${path}/`, reason, files, submodule: here });
    }
    found.push(...(await findNestedWork(git.in(here), { prefix: path, depth: depth + 1 })));
  }
  return found;
}

async function declaredSubmodules(git: Git): Promise<Set<string>> {
  const args = ['config', '--file', '.gitmodules', '--get-regexp', '-z', String.raw`^submodule\..*\.path$`];
  const { stdout } = await git.try(args);
  return new Set(
    stdout
      .split('\0')
      .filter(Boolean)
      .map((item) => item.slice(item.indexOf('\n') + 1)),
  );
}
