/** Brings the work of a run into the caller's repository: first under a ref of its own, then as a branch. */
import { join } from 'node:path';
import { SubagentsError } from '../../contract/errors.ts';
import { withLock } from '../../system/lock.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { isAncestor } from '../repository.ts';
import { checkedOutIn } from '../worktrees/worktree.ts';
import { branchName, branchTip, createBranch, refTip } from './branch.ts';

/** Refs of ours that have the work of runs, and the branches that it was brought to. */
const RUNS = 'refs/subagents/runs/';
const BROUGHT = 'refs/subagents/brought/';
/** How long another process may hold the lock of a repository, in milliseconds. */
const LOCK_TIMEOUT_MS = 10 * 60_000;
const MAX_NAMES = 50;

/** The work of a run. */
export interface Work {
  readonly runId: string;
  readonly head: string;
  readonly label: string;
}

/** Where the work is now. */
export interface Brought {
  /** The branch that was made or moved for it; it may have been removed or moved since. */
  readonly branch: string;
  /** Whether this call made or moved the branch. */
  readonly isNew: boolean;
}

/**
 * Brings the work into the repository. Repeated calls change nothing more: a branch that was removed since is not made
 * again.
 * @param fetch brings the commit into the repository as the ref that it is given; not called where the commit is there
 * @throws SubagentsError GIT, BRANCH_BLOCKED; what `fetch` throws
 */
export async function bringBack(
  git: Git,
  { runId, head, label }: Work,
  fetch: (into: string) => Promise<void>,
): Promise<Brought> {
  return exclusively(git, async () => {
    const ref = `${RUNS}${runId}`;
    const known = await branchOfRun(git, runId);
    if (known !== undefined) return { branch: known, isNew: false };
    if ((await refTip(git, ref)) !== head) {
      const isThere = (await git.try(['cat-file', '-e', `${head}^{commit}`])).exitCode === 0;
      if (isThere) await git.run(['update-ref', '--no-deref', ref, head]);
      else await fetch(ref);
    }
    const branch = await placed(git, label, head);
    await git.run(['update-ref', '--no-deref', `${BROUGHT}${runId}/${branch}`, head]);
    return { branch, isNew: true };
  });
}

/** The branch that the work of a run was brought to; undefined before that. */
async function branchOfRun(git: Git, runId: string): Promise<string | undefined> {
  const prefix = `${BROUGHT}${runId}/`;
  const [name] = (await git.run(['for-each-ref', '--format=%(refname)', prefix])).split('\n');
  return name === undefined || name === '' ? undefined : name.slice(prefix.length);
}

/**
 * Makes a branch at `head`, or moves one of the run's label there by a fast-forward, unless it is checked out. Else the
 * next number is taken. @returns the branch
 */
async function placed(git: Git, label: string, head: string): Promise<string> {
  for (let n = 1; n <= MAX_NAMES; n++) {
    const branch = branchName(label, n);
    const tip = await branchTip(git, branch);
    if (tip === undefined) break;
    if (tip === head) return branch;
    const isFree = (await isAncestor(git, tip, head)) && (await checkedOutIn(git, branch)).length === 0;
    if (!isFree) continue;
    const args = [
      'update-ref',
      '--no-deref',
      '-m',
      'subagents: brought back',
      `refs/heads/${branch}`,
      head,
      tip,
    ];
    if ((await git.try(args)).exitCode === 0) return branch;
  }
  return createBranch(git, { stem: label, commit: head, mark: 'subagents: brought back' });
}

/** Runs `work` while no other process of ours brings work into the repository. @throws SubagentsError GIT after a long wait */
const exclusively = <T>(git: Git, work: () => Promise<T>): Promise<T> =>
  withLock(join(gitDirs(git.cwd).commonDir, 'subagents', 'bring-back.lock'), work, {
    signal: git.signal,
    timeoutMs: LOCK_TIMEOUT_MS,
    late: ({ pid }) =>
      new SubagentsError('GIT', `process ${pid} has been bringing work into ${git.cwd} for long`, {
        remedy: 'end that process, then try again',
      }),
  });
