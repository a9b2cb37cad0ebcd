/** Branches of subagents: `subagents/<label>`, then with `-2`, `-3` when the name is taken. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SubagentsError } from '../../contract/index.ts';
import { readIfThere, statIfThere } from '../../system/files.ts';
import { findGitDirs } from '../git-dirs.ts';
import { lookUp, refFromFiles } from '../repository.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';

/** The branch name with the number `n`: `subagents/fix`, `subagents/fix-2`, … */
export const branchName = (stem: string, n: number): string =>
  n === 1 ? `subagents/${stem}` : `subagents/${stem}-${n}`;

/**
 * Creates a branch at `commit` under the first free name, atomically: of two concurrent callers only one gets a
 * name.
 * @param mark first entry of the branch's reflog, by which `wasCreatedWith` recognizes the branch later.
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
    // The name is in use by another branch, by a branch below it (subagents/fix/more), or by the lock of one being
    // created.
    if (!/exists|blocking|cannot create/.test(answer.stderr)) throw gitError(args, git.cwd, answer);
    if (n === 1 && (await lookUp(git.in(git.cwd), commit)).blockingBranch) throw branchBlocked(git.cwd);
    if (n === 1) taken = await branchesLike(git, stem);
  }
}

/**
 * The error for a repository with a branch called `subagents`: git would need that name as both a file and a
 * folder.
 */
export function branchBlocked(repo: string): SubagentsError {
  return new SubagentsError(
    'BRANCH_BLOCKED',
    `${repo} has a branch called "subagents", so git cannot make branches called subagents/<label>`,
    { remedy: 'Rename it: git branch -m subagents old-subagents' },
  );
}

/**
 * Returns the commit of a branch; undefined when there is no such branch.
 * @throws SubagentsError GIT when git cannot read it
 */
export const branchTip = (git: Git, branch: string): Promise<string | undefined> =>
  refTip(git, `refs/heads/${branch}`);

/** Returns the commit at `ref`, a full name; undefined when there is no such ref. @throws SubagentsError GIT */
export async function refTip(git: Git, ref: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`];
  const answer = await git.try(args);
  if (answer.exitCode > 1) throw gitError(args, git.cwd, answer);
  return answer.exitCode === 0 ? answer.stdout : undefined;
}

/** Returns the ref that `branch` is a symbolic name of, as refs/heads/…; undefined for a normal branch. */
export async function aliasOf(git: Git, branch: string): Promise<string | undefined> {
  const { exitCode, stdout } = await git.try(['symbolic-ref', '--quiet', `refs/heads/${branch}`]);
  return exitCode === 0 ? stdout : undefined;
}

/**
 * Turns a branch that became a symbolic ref into a normal branch again, at the commit to which the branch itself
 * was last moved. The ref that it pointed to is unchanged. A branch whose file contains no commit id is repaired in
 * the same way.
 * @returns notes on what was repaired.
 * @throws SubagentsError GIT
 */
export async function ensureNormalBranch(git: Git, branch: string): Promise<string[]> {
  const ref = `refs/heads/${branch}`;
  if (await isNormalBranch(git, ref)) return [];
  const alias = await aliasOf(git.in(git.cwd), branch);
  if (alias === undefined) return repairBranch(git, branch);
  const commit = (await lastMoved(git, ref)) ?? (await branchTip(git.in(git.cwd), branch));
  const what = `${branch} had become a symbolic reference to ${alias}`;
  if (commit === undefined) {
    await git.run(['update-ref', '--no-deref', '-d', ref]);
    return [`${what}, which does not exist; it was removed`];
  }
  await git.run(['update-ref', '--no-deref', '-m', 'subagents: a branch of its own', ref, commit]);
  return [`${what}; it is a normal branch again, at ${commit.slice(0, 12)}; ${alias} was not changed`];
}

/** Whether the ref is no symbolic name of another one, and is at a commit that exists. */
async function isNormalBranch(git: Git, ref: string): Promise<boolean> {
  const { exitCode, stdout } = await git.try(['for-each-ref', '--format=%(objecttype) %(symref)', ref]);
  return exitCode === 0 && stdout === 'commit ';
}

/**
 * Repairs a branch whose file contains no commit id, for example after a power failure: resets it to the commit to
 * which it was last moved.
 */
async function repairBranch(git: Git, branch: string): Promise<string[]> {
  if ((await branchTip(git.in(git.cwd), branch)) !== undefined) return [];
  const ref = `refs/heads/${branch}`;
  const file = resolve(git.cwd, await git.run(['rev-parse', '--git-path', ref]));
  if (statIfThere(file)?.isFile() !== true) return [];
  await rm(file);
  const commit = await lastMoved(git, ref);
  const what = `the ref file of ${branch} did not contain a commit id`;
  if (commit === undefined) return [`${what}; it was removed`];
  const args = ['update-ref', '--no-deref', '--create-reflog', '-m', 'subagents: put back'];
  await git.run([...args, ref, commit]);
  return [`${what}; the branch is at its last commit, ${commit.slice(0, 12)}, again`];
}

/** Maximum number of names that are tried when a branch is renamed. */
const MAX_NAMES = 100;

/**
 * Renames branches below `branch` (`<branch>/more`), since git cannot create `branch` beside them. They cannot be
 * another subagent's, since a label contains no slash.
 * @returns notes on what was renamed.
 * @throws SubagentsError GIT
 */
export async function renameBlockingBranches(git: Git, branch: string): Promise<string[]> {
  const list = ['for-each-ref', '--format=%(refname:lstrip=2) %(symref)', `refs/heads/${branch}/`];
  const notes: string[] = [];
  for (const line of (await git.run(list)).split('\n').filter(Boolean)) {
    const [name = '', alias] = line.split(' ');
    if (alias) await git.run(['update-ref', '--no-deref', '-d', `refs/heads/${name}`]);
    else
      notes.push(
        `the branch ${name} prevented git from making ${branch}; it was renamed to ${await rename(git, name, branch)}`,
      );
  }
  return notes;
}

/** Renames a branch, also in every worktree that has it checked out; returns the new name. */
async function rename(git: Git, name: string, branch: string): Promise<string> {
  for (let n = 1; ; n++) {
    const beside = n === 1 ? `${branch}-aside` : `${branch}-aside-${n}`;
    const args = ['branch', '--move', name, beside];
    const answer = await git.try(args);
    if (answer.exitCode === 0) return beside;
    if (n === MAX_NAMES || !/exists/.test(answer.stderr)) throw gitError(args, git.cwd, answer);
  }
}

/**
 * Returns the commit to which a ref itself was last moved. Reads the reflog's file, because git does not show the
 * reflog of a ref that points nowhere.
 */
async function lastMoved(git: Git, ref: string): Promise<string | undefined> {
  const path = await git.run(['rev-parse', '--git-path', `logs/${ref}`]);
  const lines = (readIfThere(resolve(git.cwd, path)) ?? '').split('\n');
  // "old new who <address> time zone", a tab and the message; turning the ref into a symbolic ref adds an entry
  // without a message.
  const commits = lines.flatMap((line) => /^[0-9a-f]+ ([0-9a-f]+) .*\t./.exec(line)?.[1] ?? []);
  for (const commit of commits.reverse())
    if ((await git.try(['cat-file', '-e', `${commit}^{commit}`])).exitCode === 0) return commit;
  return undefined;
}

/**
 * Returns the branch's commit when it is not at `commit` (null: the branch is gone); undefined when it is there, or
 * when that is unknown. Never rejects.
 */
export async function branchMovedFrom(
  git: Git,
  branch: string,
  commit: string,
): Promise<string | null | undefined> {
  const ref = `refs/heads/${branch}`;
  if (isInFiles(git.cwd, ref, commit)) return undefined;
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', ref];
  // Without a repository, git exits with 128.
  const { exitCode, stdout } = await git.try(args).catch(() => ({ exitCode: 128, stdout: '' }));
  if (exitCode === 1) return null;
  return exitCode !== 0 || stdout === commit ? undefined : stdout;
}

/** Whether the files of the repository at `cwd` say that `ref` is at `commit`. */
function isInFiles(cwd: string, ref: string, commit: string): boolean {
  const dirs = findGitDirs(cwd)?.dirs;
  try {
    return dirs !== undefined && refFromFiles(dirs.commonDir, ref) === commit;
  } catch {
    return false;
  }
}

/** Whether the branch was created with that mark. */
export async function wasCreatedWith(git: Git, branch: string, mark: string): Promise<boolean> {
  const args = ['log', '--walk-reflogs', '--format=%gs', `refs/heads/${branch}`, '--'];
  const { stdout } = await git.try(args);
  return stdout.split('\n').at(-1) === mark;
}

async function branchesLike(git: Git, stem: string): Promise<ReadonlySet<string>> {
  const patterns = [`refs/heads/subagents/${stem}`, `refs/heads/subagents/${stem}-*`];
  const names = await git.run(['for-each-ref', '--format=%(refname)', ...patterns]);
  return new Set(names.split('\n').map((name) => name.replace('refs/heads/', '')));
}
