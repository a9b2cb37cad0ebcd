/** What lies uncommitted in a worktree, as a commit. The worktree's index is read, and written only when asked. */
import { copyFile, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { git, gitError, tryGit, type GitOptions } from './run.ts';
import type { CheckoutStatus } from './status.ts';

export interface Leftovers {
  /** Everything in the folder, as a tree. */
  readonly tree: string;
  /** What could not be saved, in words. */
  readonly notes: readonly string[];
  /** Makes the saved state the worktree's index, once HEAD is at a commit of that tree. */
  readonly adopt: () => Promise<void>;
}

export interface LeftoversOf {
  readonly cwd: string;
  /** The worktree's own git folder. */
  readonly gitDir: string;
  readonly status: CheckoutStatus;
  /** The index to read it into; default: one beside the worktree's own. */
  readonly index?: string;
  /** Files in folders that are left out, which are to be in the tree all the same. */
  readonly within?: readonly string[];
}

/**
 * Reads the folder into a tree by way of an index of its own, so that locks, conflicts and half-done operations of the
 * worktree's index do not matter. Ignored files stay out, and so does `leaveOut`.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function readLeftovers(
  { cwd, gitDir, status, index = join(gitDir, 'index.subagents'), within = [] }: LeftoversOf,
  leaveOut: readonly string[],
  options: Omit<GitOptions, 'cwd'>,
): Promise<Leftovers> {
  const withIndex = { ...options, cwd, env: { ...options.env, GIT_INDEX_FILE: index } };
  // The copy knows which files are unchanged; without it each would be read again.
  await copyFile(join(gitDir, 'index'), index).catch(async () => {
    await rm(index, { force: true });
    await git(['read-tree', status.head ?? '--empty'], withIndex);
  });
  const repositories = status.untracked.filter((path) => path.endsWith('/'));
  const excluded = [...repositories, ...leaveOut].map((path) => path.replace(/\/$/, ''));
  const args = ['-c', 'core.safecrlf=false', 'add', '--all', '--ignore-errors'];
  const pathspecs = ['.', ...excluded.map((path) => `:(exclude,top,literal)${path}`)];
  const add = async (what: readonly string[]): Promise<string> => {
    const answer = await tryGit([...args, '--pathspec-from-file=-', '--pathspec-file-nul'], {
      ...withIndex,
      input: what.join('\0'),
    });
    // 1: single files could not be read, the rest is added.
    if (answer.exitCode > 1 || answer.stderr.includes('No space left')) throw gitError(['add'], cwd, answer);
    return answer.exitCode === 0 ? '' : answer.stderr.trim();
  };
  const single = within.filter((path) => !path.endsWith('/'));
  const problems = [
    await add(pathspecs),
    single.length === 0 ? '' : await add(single.map((path) => `:(top,literal)${path}`)),
  ].filter((problem) => problem !== '');
  return {
    tree: await git(['write-tree'], withIndex),
    notes: [
      ...repositories.map((path) => `${path} is a git repository of its own inside the worktree: not saved`),
      ...problems.map((problem) => `some files could not be saved: ${problem.slice(0, 400)}`),
      ...status.changed
        .filter(({ dirtySubmodule }) => dirtySubmodule)
        .map(({ path }) => `the submodule ${path} has uncommitted changes of its own: not saved`),
    ],
    adopt: async () => {
      await rename(index, join(gitDir, 'index'));
      await rm(join(gitDir, 'index.lock'), { force: true });
    },
  };
}

/**
 * Commits `tree` on top of `head`, touching neither HEAD nor a branch; no hook runs and nothing is signed. A merge that
 * was resolved and not yet committed keeps its other parents.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function commitLeftovers(
  { cwd, gitDir, status }: { cwd: string; gitDir: string; status: CheckoutStatus },
  { tree, message }: { tree: string; message: string },
  options: Omit<GitOptions, 'cwd'>,
): Promise<string> {
  const resolved = !status.changed.some(({ unmerged }) => unmerged);
  const merged = resolved ? await readFile(join(gitDir, 'MERGE_HEAD'), 'utf8').catch(() => '') : '';
  const parents = [
    ...(status.head === undefined ? [] : [status.head]),
    ...merged.split('\n').filter(Boolean),
  ];
  return git(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'], {
    ...options,
    cwd,
    input: message,
  });
}
