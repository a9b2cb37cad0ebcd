/** Refs that keep commits which are on no branch. `git branch`, `git tag` and `git stash list` do not show them. */
import { basename } from 'node:path';
import type { Git } from '../git.ts';

/** Age, in seconds, after which unused commits are released. */
const MAX_AGE_S = 30 * 24 * 3600;
const KEPT = 'refs/subagents/kept/';
/** Prefix below `KEPT` for commits that a subagent made and left on no branch. */
const LOST = 'lost/';

/**
 * Deletes refs below `prefix` whose commits are older than 30 days. For refs that are named after their commit and
 * only hold copies.
 * @throws SubagentsError GIT
 */
export async function deleteOldRefs(git: Git, prefix: string): Promise<void> {
  const list = await git.run(['for-each-ref', '--format=%(committerdate:unix) %(refname)', prefix]);
  for (const line of list.split('\n').filter(Boolean)) {
    const [date = '', ref = ''] = line.split(' ');
    if (Number(date) < Date.now() / 1_000 - MAX_AGE_S) await git.try(['update-ref', '--no-deref', '-d', ref]);
  }
}

/**
 * The ref prefix of the commits kept for the worktree `cwd`. The refs stay until `clean --force` of its subagent.
 */
const keptPrefix = (cwd: string): string => `${KEPT}${basename(cwd)}/`;

/** A revision-walk argument that excludes our kept refs from the following `--all`. */
export const WITHOUT_KEPT = `--exclude=${KEPT}*`;

/**
 * Creates a ref for `commit`, which no branch contains, on behalf of the worktree's subagent.
 * @param of the worktree (default: the handle's folder), and whether the subagent made the commit
 * @returns the ref
 * @throws SubagentsError GIT
 */
export async function keepCommit(
  git: Git,
  commit: string,
  { worktree = git.cwd, lost = false } = {},
): Promise<string> {
  const ref = `${keptPrefix(worktree)}${lost ? LOST : ''}${commit}`;
  await git.run(['update-ref', '--no-deref', ref, commit]);
  return ref;
}

/** A kept commit that no branch and no tag contains. */
export interface KeptCommit {
  readonly ref: string;
  readonly sha: string;
  readonly subject: string;
}

/**
 * Returns the commits kept for the worktree `cwd` that no branch or tag contains by now.
 * @param lost only commits that the subagent made
 * @throws SubagentsError GIT
 */
export async function keptCommits(git: Git, cwd: string, lost = false): Promise<KeptCommit[]> {
  const below = `${keptPrefix(cwd)}${lost ? LOST : ''}`;
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

/** Deletes all kept refs of the worktree `cwd`. @throws SubagentsError GIT */
export async function deleteKeptRefs(git: Git, cwd: string): Promise<void> {
  const list = await git.run(['for-each-ref', '--format=delete %(refname)', keptPrefix(cwd)]);
  await git.run(['update-ref', '--no-deref', '--stdin'], { input: `${list}\n` });
}
