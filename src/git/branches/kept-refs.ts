/** Refs under which we keep commits that are on no branch. `git branch`, `git tag` and `git stash list` do not show them. */
import { basename } from 'node:path';
import type { Git } from '../git.ts';

/** What nobody took by then is let go, in seconds. */
const MAX_AGE_S = 30 * 24 * 3600;
const KEPT = 'refs/subagents/kept/';
/** Below it, commits that a subagent has made and left on no branch. */
const LOST = 'lost/';

/**
 * Deletes the refs below `prefix`, each named after its commit, whose commits are older than 30 days: for copies of what somebody has
 * all the same. @throws SubagentsError GIT
 */
export async function deleteOldRefs(git: Git, prefix: string): Promise<void> {
  const list = await git.run(['for-each-ref', '--format=%(committerdate:unix) %(refname)', prefix]);
  for (const line of list.split('\n').filter(Boolean)) {
    const [date = '', ref = ''] = line.split(' ');
    if (Number(date) < Date.now() / 1_000 - MAX_AGE_S) await git.try(['update-ref', '--no-deref', '-d', ref]);
  }
}

/** Where what was kept of the worktree `cwd` is; it stays until `clean --force` of its subagent. */
const keptOf = (cwd: string): string => `${KEPT}${basename(cwd)}/`;

/** Arguments of a walk by which its next `--all` is without what we keep. */
export const WITHOUT_KEPT = `--exclude=${KEPT}*`;

/**
 * Keeps `commit`, which no branch has, for the subagent of the worktree.
 * @param of the worktree (default: where git runs), and whether the subagent made the commit
 * @returns the ref
 * @throws SubagentsError GIT
 */
export async function keepCommit(
  git: Git,
  commit: string,
  { worktree = git.cwd, lost = false } = {},
): Promise<string> {
  const ref = `${keptOf(worktree)}${lost ? LOST : ''}${commit}`;
  await git.run(['update-ref', '--no-deref', ref, commit]);
  return ref;
}

/** A commit that was kept, and that no branch and no tag has. */
export interface KeptCommit {
  readonly ref: string;
  readonly sha: string;
  readonly subject: string;
}

/**
 * What was kept of the worktree `cwd` in `repo`, and nobody has taken over since.
 * @param lost only commits that its subagent made
 * @throws SubagentsError GIT
 */
export async function keptCommits(git: Git, cwd: string, lost = false): Promise<KeptCommit[]> {
  const below = `${keptOf(cwd)}${lost ? LOST : ''}`;
  const list = await git.run(['for-each-ref', '--format=%(refname) %(contents:subject)', below]);
  const found: KeptCommit[] = [];
  for (const line of list.split('\n').filter(Boolean)) {
    const at = line.indexOf(' ');
    const [ref, subject] = [line.slice(0, at), line.slice(at + 1)];
    const having = ['for-each-ref', '--count=1', `--contains=${ref}`, 'refs/heads', 'refs/tags'];
    if ((await git.run(having)) === '') found.push({ ref, sha: basename(ref), subject });
  }
  return found;
}

/** Lets all of it go. @throws SubagentsError GIT */
export async function deleteKeptRefs(git: Git, cwd: string): Promise<void> {
  const list = await git.run(['for-each-ref', '--format=delete %(refname)', keptOf(cwd)]);
  await git.run(['update-ref', '--no-deref', '--stdin'], { input: `${list}\n` });
}
