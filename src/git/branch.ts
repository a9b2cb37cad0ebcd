/** Branches of subagents: `subagents/<label>`, then `-2`, `-3` where the name is taken. */
import { SubagentsError } from '../contract/index.ts';
import { lookUp } from './repository.ts';
import { git, gitError, tryGit, type GitOptions } from './run.ts';

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
  options: GitOptions,
  { stem, commit, mark }: { stem: string; commit: string; mark: string },
  announce: (branch: string) => void = () => undefined,
): Promise<string> {
  let taken: ReadonlySet<string> = new Set();
  for (let n = 1; ; n++) {
    const branch = branchName(stem, n);
    if (taken.has(branch)) continue;
    announce(branch);
    // The last, empty argument is the old value: the branch must not exist.
    const args = ['update-ref', '--create-reflog', '-m', mark, `refs/heads/${branch}`, commit, ''];
    const answer = await tryGit(args, options);
    if (answer.exitCode === 0) return branch;
    // Another branch of that name, one below it (subagents/fix/more), or the lock of one that is being made.
    if (!/exists|blocking|cannot create/.test(answer.stderr)) throw gitError(args, options.cwd, answer);
    if (n === 1 && (await lookUp(options.cwd, commit)).blockingBranch) throw branchBlocked(options.cwd);
    if (n === 1) taken = await branchesLike(options, stem);
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

/** The commit of a branch; undefined when there is no such branch. */
export async function branchTip(cwd: string, branch: string): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `refs/heads/${branch}^{commit}`];
  const { exitCode, stdout } = await tryGit(args, { cwd });
  return exitCode === 0 ? stdout : undefined;
}

/** Where the branch is, if not at `commit` (null: nowhere); undefined too where that cannot be known. Never throws. */
export async function movedFrom(
  cwd: string,
  branch: string,
  commit: string,
): Promise<string | null | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `refs/heads/${branch}`];
  // Without a repository git ends with 128.
  const { exitCode, stdout } = await tryGit(args, { cwd }).catch(() => ({ exitCode: 128, stdout: '' }));
  if (exitCode === 1) return null;
  return exitCode !== 0 || stdout === commit ? undefined : stdout;
}

/** Whether the branch was made with that mark. */
export async function madeWith(cwd: string, branch: string, mark: string): Promise<boolean> {
  const args = ['log', '--walk-reflogs', '--format=%gs', `refs/heads/${branch}`, '--'];
  const { stdout } = await tryGit(args, { cwd });
  return stdout.split('\n').at(-1) === mark;
}

async function branchesLike(options: GitOptions, stem: string): Promise<ReadonlySet<string>> {
  const patterns = [`refs/heads/subagents/${stem}`, `refs/heads/subagents/${stem}-*`];
  const names = await git(['for-each-ref', '--format=%(refname)', ...patterns], options);
  return new Set(names.split('\n').map((name) => name.replace('refs/heads/', '')));
}
