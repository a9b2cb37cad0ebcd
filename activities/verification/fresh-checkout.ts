/**
 * Makes a fresh checkout of a subagent's commit beside its worktree, for set-up and verification with
 * `verifyFresh`.
 */
import { existsSync } from 'node:fs';
import { includeIgnored } from '../../src/git/worktrees/include.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { freshOf } from '../../src/home/sandboxes.ts';
import { readWorkspaceRecord } from '../../src/home/workspace-record.ts';
import type { Git } from '../../src/git/git.ts';
import { addSubmodules } from '../../src/git/worktrees/submodules.ts';
import { discardWorktree } from '../../src/git/worktrees/worktree.ts';

/**
 * Runs `work` in a checkout of `head` that has the worktree's sparse patterns, its submodules, and the files named
 * by `.worktreeinclude`; then removes the checkout.
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
    // Run in the worktree, since git copies the sparse patterns from the current worktree.
    await git.in(cwd).run(add);
    await git.in(fresh).run(['read-tree', '-m', '-u', 'HEAD']);
    await addSubmodules(git.in(fresh), repo);
    await includeIgnored({ from: repo, to: fresh, commit: head }, git);
    return await work(fresh);
  } finally {
    await discardFreshCheckout(cwd, repo);
  }
}

/** Removes the fresh checkout that an interrupted verification left. */
export async function discardFreshCheckout(cwd: string, repo: string): Promise<void> {
  const fresh = freshOf(cwd);
  // A sandboxed subagent has a repository of its own.
  const own = readWorkspaceRecord(cwd)?.repo ?? repo;
  if (existsSync(fresh)) await discardWorktree({ cwd: fresh, commonDir: gitDirs(own).commonDir });
}
