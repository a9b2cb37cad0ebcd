/** Checks which repositories a worker may work in. */
import { homedir } from 'node:os';
import { SubagentsError } from '../contract/errors.ts';
import { isWithin, realTarget } from '../system/real-path.ts';

/**
 * Checks that a worker may work in `repo`.
 * @param repo a real path, or a URL.
 * @param roots folders, and prefixes of URLs; undefined allows everything.
 * @throws SubagentsError REPO_REFUSED
 */
export function checkAllowed(repo: string, roots: readonly string[] | undefined): void {
  if (roots === undefined || roots.some((root) => isUnder(repo, root))) return;
  throw new SubagentsError('REPO_REFUSED', `${repo} is not among the repositories that this worker accepts`, {
    remedy: `The worker accepts repositories in (SUBAGENTS_REPOS): ${roots.join(', ')}`,
  });
}

/**
 * Checks a path that a continued subagent is said to have in this home, since a spawn may claim anything.
 * @param folder the home's folder for such paths; the path itself may be gone.
 * @param roots as in `checkAllowed`.
 * @throws SubagentsError REPO_REFUSED
 */
export function checkInHome(path: string, folder: string, roots: readonly string[] | undefined): void {
  if (roots === undefined || (path.startsWith('/') && leadsInto(folder, path))) return;
  throw new SubagentsError(
    'REPO_REFUSED',
    `${path} is not in ${folder}, the folder where this worker keeps them`,
    {
      remedy: 'Continue a subagent by its label, or spawn it again.',
    },
  );
}

/**
 * Whether `repo` is under `root`. Compares real paths, so that a symbolic link under a root does not admit its
 * target.
 */
function isUnder(repo: string, root: string): boolean {
  if (root.includes('://')) {
    const climbs = /\/(\.|%2e){1,2}(\/|$)/i.test(repo);
    return !climbs && (repo === root || repo.startsWith(root.endsWith('/') ? root : `${root}/`));
  }
  return repo.startsWith('/') && leadsInto(root.replace(/^~(?=\/|$)/, homedir()), repo);
}

function leadsInto(folder: string, path: string): boolean {
  const [into, target] = [realTarget(folder), realTarget(path)];
  return into !== undefined && target !== undefined && isWithin(into, target);
}
