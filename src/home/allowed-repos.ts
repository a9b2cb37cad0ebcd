/** Which repositories a worker may work in. */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { SubagentsError } from '../contract/errors.ts';

/**
 * @param repo a real path, or a URL.
 * @param roots folders, and beginnings of URLs; undefined allows everything.
 * @throws SubagentsError REPO_REFUSED
 */
export function checkAllowed(repo: string, roots: readonly string[] | undefined): void {
  if (roots === undefined || roots.some((root) => lies(repo, root))) return;
  throw new SubagentsError('REPO_REFUSED', `${repo} is not under the repositories that this worker accepts`, {
    remedy: `SUBAGENTS_REPOS of the worker allows: ${roots.join(', ')}`,
  });
}

/** By real path: a symbolic link under a root does not bring in what it points to. */
function lies(repo: string, root: string): boolean {
  if (root.includes('://')) {
    const climbs = /\/(\.|%2e){1,2}(\/|$)/i.test(repo);
    return !climbs && (repo === root || repo.startsWith(root.endsWith('/') ? root : `${root}/`));
  }
  const real = realOf(root.replace(/^~(?=\/|$)/, homedir()));
  if (real === undefined || !repo.startsWith('/')) return false;
  const path = realOf(repo);
  return path === real || (path?.startsWith(real === '/' ? '/' : `${real}/`) ?? false);
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
