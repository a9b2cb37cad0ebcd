/** A fresh checkout of a subagent's commit beside its worktree, in which set-up and verification run with `verifyFresh`. */
import { existsSync } from 'node:fs';
import { includeIgnored } from '../../src/git/worktrees/include.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import type { Git } from '../../src/git/git.ts';
import { addSubmodules } from '../../src/git/worktrees/submodules.ts';
import { discardWorktree } from '../../src/git/worktrees/worktree.ts';

/** Where that of the worktree `cwd` is. */
const freshOf = (cwd: string): string => `${cwd}.fresh`;

/**
 * Does `work` in a checkout of `head` with the sparse patterns of the worktree `cwd`, its submodules, and what
 * `.worktreeinclude` names; removes it afterwards.
 * @param repo the checkout that the subagent was spawned from, or the clone.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function withFreshCheckout<T>(
  { cwd, head, repo }: { readonly cwd: string; readonly head: string; readonly repo: string },
  git: Git,
  work: (fresh: string) => Promise<T>,
): Promise<T> {
  const fresh = freshOf(cwd);
  await discardFreshCheckout(cwd, repo);
  try {
    const add = ['worktree', 'add', '--quiet', '--no-checkout', '--detach', '--', fresh, head];
    // From the worktree: git takes the sparse patterns along from where it is called.
    await git.in(cwd).run(add);
    await git.in(fresh).run(['read-tree', '-m', '-u', 'HEAD']);
    await addSubmodules(git.in(fresh), repo);
    await includeIgnored({ from: repo, to: fresh, commit: head }, git);
    return await work(fresh);
  } finally {
    await discardFreshCheckout(cwd, repo);
  }
}

/** Removes what a verification that was cut short has left of one. */
export async function discardFreshCheckout(cwd: string, repo: string): Promise<void> {
  const fresh = freshOf(cwd);
  if (existsSync(fresh)) await discardWorktree({ cwd: fresh, commonDir: gitDirs(repo).commonDir });
}
