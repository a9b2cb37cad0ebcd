/** Selects runs by the repository that they worked in. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { isRepositoryUrl, SubagentsError, withoutCredentials } from '../../contract/index.ts';
import { gitDirs } from '../../git/git-dirs.ts';
import { resolveRepository } from '../../git/repository.ts';

/**
 * Returns a predicate: whether a run was spawned in `repository`. Every checkout of the repository matches; a checkout
 * that is gone matches by its path.
 * @param repository a URL, or a folder in a checkout
 * @param from the folder that a relative path starts from
 * @throws SubagentsError NOT_A_REPOSITORY when the folder exists and is in no checkout
 */
export async function repositoryFilter(
  repository: string,
  from: string,
): Promise<(run: { readonly repo: string }) => boolean> {
  if (isRepositoryUrl(repository)) {
    const url = withoutCredentials(repository);
    return ({ repo }) => repo === url;
  }
  const path = resolve(from, repository);
  const root = await resolveRepository(repository, from).catch((error: unknown) => {
    if (error instanceof SubagentsError && !isFolder(path)) return path;
    throw error;
  });
  const shared = sharedFolder(root);
  return ({ repo }) => repo === root || (shared !== undefined && sharedFolder(repo) === shared);
}

function isFolder(path: string): boolean {
  try {
    return realpathSync(path) !== '';
  } catch {
    return false;
  }
}

/** The git folder that all checkouts of a repository share; undefined when the checkout is gone, or `root` is a URL. */
function sharedFolder(root: string): string | undefined {
  try {
    return gitDirs(root).commonDir;
  } catch {
    return undefined;
  }
}
