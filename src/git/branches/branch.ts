/** Branches of subagents: `subagents/<label>`, then `-2`, `-3` where the name is taken. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SubagentsError } from '../../contract/index.ts';
import { readIfThere, statIfThere } from '../../system/files.ts';
import { lookUp } from '../repository.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';

/** The branch with the number `n`: `subagents/fix`, `subagents/fix-2`, … */
export const branchName = (stem: string, n: number): string =>
  n === 1 ? `subagents/${stem}` : `subagents/${stem}-${n}`;

/**
 * Makes a branch at `commit` under the first free name, in one step that only one of two callers can win.
 * @param mark stands in the branch's reflog as its first entry: how its maker is known later.
 * @param announce called with each name before it is tried.
 * @throws SubagentsError BRANCH_BLOCKED, GIT, DISK_FULL
 */
export async function createBranch(
  git: Git,
  { stem, commit, mark }: { stem: string; commit: string; mark: string },
  announce: (branch: string) => void = () => undefined,
): Promise<string> {
  let taken: ReadonlySet<string> = new Set();
  for (let n = 1; ; n++) {
    const branch = branchName(stem, n);
    if (taken.has(branch)) continue;
    announce(branch);
    // The last, empty argument is the old value: the branch must not exist.
    const args = [
      'update-ref',
      '--no-deref',
      '--create-reflog',
      '-m',
      mark,
      `refs/heads/${branch}`,
      commit,
      '',
    ];
    const answer = await git.try(args);
    if (answer.exitCode === 0) return branch;
    // Another branch of that name, one below it (subagents/fix/more), or the lock of one that is being made.
    if (!/exists|blocking|cannot create/.test(answer.stderr)) throw gitError(args, git.cwd, answer);
    if (n === 1 && (await lookUp(git.in(git.cwd), commit)).blockingBranch) throw branchBlocked(git.cwd);
    if (n === 1) taken = await branchesLike(git, stem);
  }
}

/** The error for a repository with a branch called `subagents`, which to git would have to be a file and a folder at once. */
export function branchBlocked(repo: string): SubagentsError {
  return new SubagentsError(
    'BRANCH_BLOCKED',
    `${repo} has a branch called "subagents", so git cannot make branches called subagents/<label>`,
    { remedy: 'Rename it: git branch -m subagents old-subagents' },
  );
}

/** The commit of a branch; undefined when there is no such branch. @throws SubagentsError GIT where git cannot tell */
export async function branchTip(git: Git, branch: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `refs/heads/${branch}^{commit}`];
  const answer = await git.try(args);
  if (answer.exitCode > 1) throw gitError(args, git.cwd, answer);
  return answer.exitCode === 0 ? answer.stdout : undefined;
}

/** What `branch` is another name of, as refs/heads/…; undefined for a branch of its own. */
export async function aliasOf(git: Git, branch: string): Promise<string | undefined> {
  const { exitCode, stdout } = await git.try(['symbolic-ref', '--quiet', `refs/heads/${branch}`]);
  return exitCode === 0 ? stdout : undefined;
}

/**
 * Makes a branch that was turned into another name of some ref a branch of its own again, where it was last moved to itself. That
 * other ref is left as it is. One whose file names no commit is put back likewise.
 * @returns what was found, in words.
 * @throws SubagentsError GIT
 */
export async function ownBranch(git: Git, branch: string): Promise<string[]> {
  const alias = await aliasOf(git.in(git.cwd), branch);
  if (alias === undefined) return mendBranch(git, branch);
  const ref = `refs/heads/${branch}`;
  const commit = (await lastMoved(git, ref)) ?? (await branchTip(git.in(git.cwd), branch));
  const what = `${branch} had been made another name of ${alias}`;
  if (commit === undefined) {
    await git.run(['update-ref', '--no-deref', '-d', ref]);
    return [`${what}, which is not there`];
  }
  await git.run(['update-ref', '--no-deref', '-m', 'subagents: a branch of its own', ref, commit]);
  return [
    `${what}; it is a branch of its own again, at ${commit.slice(0, 12)}, and ${alias} was left as it is`,
  ];
}

/** A branch whose file names no commit, as after a power failure, is at the commit again that it was last moved to. */
async function mendBranch(git: Git, branch: string): Promise<string[]> {
  if ((await branchTip(git.in(git.cwd), branch)) !== undefined) return [];
  const ref = `refs/heads/${branch}`;
  const file = resolve(git.cwd, await git.run(['rev-parse', '--git-path', ref]));
  if (statIfThere(file)?.isFile() !== true) return [];
  await rm(file);
  const commit = await lastMoved(git, ref);
  const what = `the file of ${branch} named no commit`;
  if (commit === undefined) return [`${what}; it was removed`];
  const args = ['update-ref', '--no-deref', '--create-reflog', '-m', 'subagents: put back'];
  await git.run([...args, ref, commit]);
  return [`${what}; the branch is at ${commit.slice(0, 12)} again, where it was last`];
}

/** How many names are tried for a branch that is renamed. */
const MAX_NAMES = 100;

/**
 * Renames the branches below `branch` (`<branch>/more`), beside which git can make no branch of that name. No other subagent has one
 * there: a label has no slash in it.
 * @returns what was done, in words.
 * @throws SubagentsError GIT
 */
export async function makeWay(git: Git, branch: string): Promise<string[]> {
  const list = ['for-each-ref', '--format=%(refname:lstrip=2) %(symref)', `refs/heads/${branch}/`];
  const notes: string[] = [];
  for (const line of (await git.run(list)).split('\n').filter(Boolean)) {
    const [name = '', alias] = line.split(' ');
    if (alias) await git.run(['update-ref', '--no-deref', '-d', `refs/heads/${name}`]);
    else
      notes.push(`${name} kept git from making ${branch}; it was renamed ${await rename(git, name, branch)}`);
  }
  return notes;
}

/** With it, every worktree that has it checked out has the new name. */
async function rename(git: Git, name: string, branch: string): Promise<string> {
  for (let n = 1; ; n++) {
    const beside = n === 1 ? `${branch}-aside` : `${branch}-aside-${n}`;
    const args = ['branch', '--move', name, beside];
    const answer = await git.try(args);
    if (answer.exitCode === 0) return beside;
    if (n === MAX_NAMES || !/exists/.test(answer.stderr)) throw gitError(args, git.cwd, answer);
  }
}

/** The commit that a ref was last moved to itself, by its reflog: git walks that of no ref that leads nowhere, so its file is read. */
async function lastMoved(git: Git, ref: string): Promise<string | undefined> {
  const path = await git.run(['rev-parse', '--git-path', `logs/${ref}`]);
  const lines = (readIfThere(resolve(git.cwd, path)) ?? '').split('\n');
  // "old new who <address> time zone", a tab and what was done; becoming another name leaves an entry without words.
  const commits = lines.flatMap((line) => /^[0-9a-f]+ ([0-9a-f]+) .*\t./.exec(line)?.[1] ?? []);
  for (const commit of commits.reverse())
    if ((await git.try(['cat-file', '-e', `${commit}^{commit}`])).exitCode === 0) return commit;
  return undefined;
}

/** Where the branch is, if not at `commit` (null: nowhere); undefined too where that cannot be known. Never throws. */
export async function movedFrom(
  git: Git,
  branch: string,
  commit: string,
): Promise<string | null | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `refs/heads/${branch}`];
  // Without a repository git ends with 128.
  const { exitCode, stdout } = await git.try(args).catch(() => ({ exitCode: 128, stdout: '' }));
  if (exitCode === 1) return null;
  return exitCode !== 0 || stdout === commit ? undefined : stdout;
}

/** Whether the branch was made with that mark. */
export async function madeWith(git: Git, branch: string, mark: string): Promise<boolean> {
  const args = ['log', '--walk-reflogs', '--format=%gs', `refs/heads/${branch}`, '--'];
  const { stdout } = await git.try(args);
  return stdout.split('\n').at(-1) === mark;
}

async function branchesLike(git: Git, stem: string): Promise<ReadonlySet<string>> {
  const patterns = [`refs/heads/subagents/${stem}`, `refs/heads/subagents/${stem}-*`];
  const names = await git.run(['for-each-ref', '--format=%(refname)', ...patterns]);
  return new Set(names.split('\n').map((name) => name.replace('refs/heads/', '')));
}
