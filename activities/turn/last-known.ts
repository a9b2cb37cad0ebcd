/** Evidence of work that could not be collected: its location, and what can still be read of it. */
import type { CollectInput, Evidence } from '../../src/contract/index.ts';
import { branchTip } from '../../src/git/branches/branch.ts';
import { changedFiles, commitsBetween } from '../../src/git/contents/changes.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { refFromFiles } from '../../src/git/repository.ts';
import { MAX_LISTED_COMMITS, MAX_LISTED_FILES } from '../../src/contract/index.ts';
import { Git } from '../../src/git/git.ts';

/**
 * Returns the location, the branch and its commits, read from the repository because git fails in the worktree.
 * Never rejects.
 */
export async function lastKnownCommit({ spec, workspace }: CollectInput): Promise<Evidence> {
  const { cwd, branch, base } = workspace;
  const repo = spec.isolation === 'in-place' ? cwd : spec.repo;
  const head = (await tipOf(Git.at(repo), branch)) ?? base;
  const commits = await commitsBetween(Git.at(repo), base, head).catch(() => []);
  const files = await changedFiles(Git.at(repo), base, head).catch(() => []);
  return {
    cwd,
    branch,
    base,
    head,
    commits: commits.slice(0, MAX_LISTED_COMMITS),
    commitCount: commits.length,
    diffStat: {
      files: files.length,
      insertions: files.reduce((sum, { insertions }) => sum + insertions, 0),
      deletions: files.reduce((sum, { deletions }) => sum + deletions, 0),
    },
    filesChanged: files.slice(0, MAX_LISTED_FILES).map(({ path }) => path),
    savedLeftovers: false,
    uncommitted: [],
    sensitive: [],
  };
}

/**
 * Reads the tip of the branch with git, otherwise from its files: with a broken configuration, git reads nothing.
 */
async function tipOf(git: Git, branch: string | null): Promise<string | undefined> {
  if (branch === null) return undefined;
  try {
    return await branchTip(git, branch);
  } catch {
    return fromFiles(git.cwd, branch);
  }
}

function fromFiles(repo: string, branch: string): string | undefined {
  try {
    return refFromFiles(gitDirs(repo).commonDir, `refs/heads/${branch}`);
  } catch {
    return undefined;
  }
}
