/** Where two lines of work parted, and whether one holds the other. */
import { SubagentsError } from '../contract/index.ts';
import { tryGit } from './git.ts';

/**
 * The newest commit that both `one` and `other` go back to.
 * @param repo the root of a checkout that has both.
 * @throws SubagentsError UNKNOWN_BASE when there is none
 */
export async function commonAncestor(repo: string, one: string, other: string): Promise<string> {
  const { exitCode, stdout } = await tryGit(['merge-base', one, other], { cwd: repo });
  if (exitCode === 0) return stdout;
  throw new SubagentsError('UNKNOWN_BASE', `${one} and ${other} have no commit in common in ${repo}`, {
    remedy: 'Name a base that the change started from; a shallow clone needs `git fetch --unshallow` first.',
  });
}

/** Whether the commit `newer` has `older` in its history, or is it. */
export async function isAncestor(repo: string, older: string, newer: string): Promise<boolean> {
  return (await tryGit(['merge-base', '--is-ancestor', older, newer], { cwd: repo })).exitCode === 0;
}
