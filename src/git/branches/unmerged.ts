/** Determines which commits would be lost with a branch or a worktree. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { REMOTE_TAGS } from '../remote.ts';
import type { Git } from '../git.ts';
import { gitlinks, MAX_DEPTH } from '../worktrees/submodules.ts';

/** Maximum number of other branches, newest first, that are searched for the content of a branch. */
const MAX_SEARCHED = 20;

/** A ref: its full name and the object that it points to. */
export interface Ref {
  readonly name: string;
  readonly oid: string;
}

/** A branch with its tip and base. */
export interface BranchAt {
  readonly branch: string;
  /** The commit at the branch's tip. */
  readonly tip: string;
  /** The commit where the branch began. */
  readonly base: string;
}

/**
 * Counts the commits of `branch` that are on no other branch, tag or remote branch.
 * @param gone further branches that do not count.
 * @throws SubagentsError GIT
 */
export async function countOnlyOnBranch(
  git: Git,
  { branch, tip }: Pick<BranchAt, 'branch' | 'tip'>,
  gone: readonly string[] = [],
): Promise<number> {
  const without = [branch, ...gone].map((name) => `--exclude=${name}`);
  const others = ['--not', ...without, '--branches', '--tags', '--remotes'];
  return Number(await git.run(['rev-list', '--count', tip, ...others]));
}

/**
 * Counts the commits reachable from `commit` that are on no branch, tag or remote branch.
 * @throws SubagentsError GIT
 */
export async function countOnNoBranch(git: Git, commit: string): Promise<number> {
  const refs = ['--not', '--branches', '--tags', '--remotes'];
  return Number(await git.run(['rev-list', '--count', commit, ...refs]));
}

/**
 * Counts the commits on branches and tags of a clone that its remote does not have.
 * @throws SubagentsError GIT
 */
export async function countUnpushed(git: Git): Promise<number> {
  const args = ['rev-list', '--count', '--branches', '--tags', '--not', '--remotes', `--glob=${REMOTE_TAGS}`];
  return Number(await git.run(args));
}

/**
 * Returns submodules of the worktree `cwd`, including nested ones, with commits that are neither on a remote branch
 * of theirs nor in the copy of `checkout`. A worktree's submodules are stored in its own git folder and are removed
 * with it.
 * @throws SubagentsError GIT
 */
export async function unpushedSubmodules(
  git: Git,
  checkout: string,
  depth = 1,
): Promise<{ readonly path: string; readonly commits: number }[]> {
  if (depth > MAX_DEPTH) return [];
  const found: { path: string; commits: number }[] = [];
  for (const path of await gitlinks(git)) {
    const [here, there] = [join(git.cwd, path), join(checkout, path)];
    if (!existsSync(join(here, '.git'))) continue;
    const commits = await countUnpushedTo(git.in(here), existsSync(join(there, '.git')) ? there : undefined);
    if (commits > 0) found.push({ path, commits });
    const below = await unpushedSubmodules(git.in(here), there, depth + 1);
    found.push(...below.map((each) => ({ ...each, path: join(path, each.path) })));
  }
  return found;
}

/** Counts the commits of a repository that are on none of its remote branches and not in the repository `there`. */
async function countUnpushedTo(git: Git, there: string | undefined): Promise<number> {
  // `--all` includes HEAD, even when detached.
  const list = await git.run(['rev-list', '--all', '--not', '--remotes']);
  if (list === '' || there === undefined) return list.split('\n').filter(Boolean).length;
  const known = await git.in(there).run(['cat-file', '--batch-check'], { input: `${list}\n` });
  return known.split('\n').filter((line) => line.endsWith(' missing')).length;
}

/**
 * Whether merging `commit` into `head` would change nothing; false when that is unknown, for example with a git
 * older than 2.38.
 */
export async function isMerged(git: Git, head: string, commit: string): Promise<boolean> {
  const { exitCode, stdout } = await git.try(['merge-tree', '--write-tree', head, commit]);
  if (exitCode !== 0) return false;
  return stdout === (await git.run(['rev-parse', `${head}^{tree}`]));
}

/**
 * Returns a branch, except subagents' own, that already has the content of `tip`, for example after a squash:
 * merging `tip` would not change it. Undefined when `tip` changes nothing against `base`, and with a git older than
 * 2.38.
 * @throws SubagentsError GIT
 */
export async function branchWithContent(git: Git, base: string, tip: string): Promise<Ref | undefined> {
  const trees = await git.run(['rev-parse', `${base}^{tree}`, `${tip}^{tree}`]);
  const [before, after] = trees.split('\n');
  if (before === after) return undefined;
  const format = '--format=%(refname) %(tree) %(objectname)';
  const list = await git.run(['for-each-ref', format, '--sort=-committerdate', 'refs/heads', 'refs/remotes']);
  const candidates = list
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([name = '']) => name !== '' && !name.startsWith('refs/heads/subagents/'))
    .slice(0, MAX_SEARCHED);
  for (const [name = '', tree, oid = ''] of candidates) {
    const { exitCode, stdout } = await git.try(['merge-tree', '--write-tree', oid, tip]);
    if (exitCode === 0 && stdout === tree) return { name, oid };
  }
  return undefined;
}

/**
 * A branch or remote branch, except subagents' own, that has the commit `tip`, or its content; undefined where there is
 * none, or the repository does not know the commit.
 * @throws SubagentsError GIT
 */
export async function branchWithWork(git: Git, base: string, tip: string): Promise<string | undefined> {
  if ((await git.try(['cat-file', '-e', `${tip}^{commit}`])).exitCode !== 0) return undefined;
  const args = ['for-each-ref', '--format=%(refname)', '--contains', tip, 'refs/heads', 'refs/remotes'];
  const [name] = (await git.run(args))
    .split('\n')
    .filter((ref) => ref !== '' && !ref.startsWith('refs/heads/subagents/'));
  return name ?? (await branchWithContent(git, base, tip))?.name;
}
