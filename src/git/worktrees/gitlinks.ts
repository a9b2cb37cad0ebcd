/** Finds commits of nested repositories that a branch refers to but nobody else can fetch. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Git } from '../git.ts';
import { MAX_DEPTH } from './submodules.ts';

/** A path where a commit refers to a commit of another repository that nobody can fetch. */
export interface Unfetchable {
  readonly path: string;
  readonly commit: string;
  /** Whether the worktree contains the repository, so that it can be pushed from there. */
  readonly here: boolean;
  /** Whether .gitmodules names its URL. */
  readonly isSubmodule: boolean;
}

/**
 * Returns references of `head` that `base` does not have, to commits that are neither on a remote branch of the
 * copy in the worktree `cwd` nor in the copy of the checkout `repo`. Includes the references of such commits,
 * recursively.
 * @throws SubagentsError GIT
 */
export async function unfetchableLinks(
  git: Git,
  { cwd, repo }: { cwd: string; repo: string },
  base: string,
  head: string,
  depth = 1,
): Promise<Unfetchable[]> {
  if (base === head || depth > MAX_DEPTH) return [];
  const found: Unfetchable[] = [];
  for (const { path, before, commit } of await changedLinks(git.in(cwd), base, head)) {
    const [here, there] = [join(cwd, path), join(repo, path)];
    const isHere = existsSync(join(here, '.git'));
    const known =
      (isHere && (await isOnRemote(git.in(here), commit))) ||
      (existsSync(join(there, '.git')) && (await has(git.in(there), commit)));
    if (!known)
      found.push({ path, commit, here: isHere, isSubmodule: await isDeclared(git.in(cwd), head, path) });
    if (!isHere || !(await has(git.in(here), commit))) continue;
    const from =
      before !== undefined && (await has(git.in(here), before)) ? before : await emptyTree(git.in(here));
    const below = await unfetchableLinks(git, { cwd: here, repo: there }, from, commit, depth + 1);
    found.push(...below.map((each) => ({ ...each, path: join(path, each.path) })));
  }
  return found;
}

interface ChangedLink {
  readonly path: string;
  /** The earlier commit at that path; undefined when there was none. */
  readonly before: string | undefined;
  readonly commit: string;
}

async function changedLinks(git: Git, base: string, head: string): Promise<ChangedLink[]> {
  const raw = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', '--ignore-submodules=none'];
  const items = (await git.run([...raw, base, head, '--'])).split('\0');
  const found: ChangedLink[] = [];
  for (let at = 0; at + 1 < items.length; at += 2) {
    const [oldMode, newMode, old = '', commit = ''] = (items[at] ?? '').split(' ');
    if (newMode !== '160000') continue;
    found.push({ path: items[at + 1] ?? '', before: oldMode === ':160000' ? old : undefined, commit });
  }
  return found;
}

const emptyTree = (git: Git): Promise<string> =>
  git.run(['hash-object', '-t', 'tree', '--stdin'], { input: '' });

async function isOnRemote(git: Git, commit: string): Promise<boolean> {
  const { exitCode, stdout } = await git.try(['rev-list', '-1', commit, '--not', '--remotes']);
  return exitCode === 0 && stdout === '';
}

async function has(git: Git, commit: string): Promise<boolean> {
  return (await git.try(['cat-file', '-e', `${commit}^{commit}`])).exitCode === 0;
}

async function isDeclared(git: Git, head: string, path: string): Promise<boolean> {
  const args = ['config', '--blob', `${head}:.gitmodules`, '-z', '--get-regexp', '^submodule\\..*\\.path$'];
  const { stdout } = await git.try(args);
  return stdout.split('\0').some((item) => item.slice(item.indexOf('\n') + 1) === path);
}

/** Describes an unfetchable commit for a caveat. */
export function unfetchableText({ path, commit, here }: Unfetchable, cwd: string): string {
  const short = commit.slice(0, 10);
  const push = here
    ? `: push it from there (git -C ${join(cwd, path)} push), or fetch it into your copy`
    : '';
  return `the submodule ${path} is at ${short}, which is neither on its remote branches nor in your copy${push}`;
}
