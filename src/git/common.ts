/** Relations between two commits: their common ancestor, and whether one contains the other. */
import { SubagentsError } from '../contract/index.ts';
import type { Git } from './git.ts';

/**
 * Returns the newest common ancestor of `one` and `other`.
 * @throws SubagentsError UNKNOWN_BASE when there is none
 */
export async function mergeBase(git: Git, one: string, other: string): Promise<string> {
  const { exitCode, stdout } = await git.try(['merge-base', one, other]);
  if (exitCode === 0) return stdout;
  throw new SubagentsError('UNKNOWN_BASE', `${one} and ${other} have no commit in common in ${git.cwd}`, {
    remedy: 'Name a base that the change started from; a shallow clone needs `git fetch --unshallow` first.',
  });
}

/** Whether `older` is `newer` or in its history. */
export async function isAncestor(git: Git, older: string, newer: string): Promise<boolean> {
  return (await git.try(['merge-base', '--is-ancestor', older, newer])).exitCode === 0;
}
