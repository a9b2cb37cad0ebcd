/** Reads the stash of a repository, which all its worktrees share. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Git } from '../git.ts';

/** Identifies the worktree whose stash entries are wanted. */
export interface StashOwner {
  readonly branch: string;
  /** Commits that the worktree has had checked out. */
  readonly heads: ReadonlySet<string>;
  /** Milliseconds since the epoch; older entries are not the worktree's. */
  readonly since?: number | undefined;
}

/**
 * Returns the stash entries made in a worktree, as git names them: `stash@{0}`. An entry matches by the branch that
 * was checked out, or, with a detached HEAD, by the commit.
 */
export async function stashEntriesOf(git: Git, { branch, heads, since = 0 }: StashOwner): Promise<string[]> {
  if (!existsSync(join(git.cwd, 'logs/refs/stash')) && !existsSync(join(git.cwd, 'reftable'))) return [];
  const args = ['log', '--walk-reflogs', '--date=unix', '--format=%gd%x00%gs%x00%P', 'refs/stash', '--'];
  const { stdout } = await git.try(args);
  return stdout.split('\n').flatMap((line, index) => {
    const [at = '', subject = '', parents = ''] = line.split('\0');
    const [, on] = / on ([^:]+):/i.exec(` ${subject}`) ?? [];
    const seconds = Number(/@\{(\d+)/.exec(at)?.[1] ?? 0);
    const own = on === branch || (on === '(no branch)' && heads.has(parents.split(' ')[0] ?? ''));
    // The reflog stores whole seconds.
    return own && seconds >= Math.floor(since / 1000) ? [`stash@{${index}}`] : [];
  });
}
