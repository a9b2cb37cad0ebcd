/** Making a worktree, and making it whole again after a crash or after somebody removed parts of it. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { branchTip } from './branch.ts';
import { gitDirs } from './repository.ts';
import { git, gitError, tryGit, type GitOptions } from './run.ts';

/** Where a worktree is, and of what. */
export interface WorktreePlace {
  /** Absolute real path. Its last part is used by no other worktree of the repository. */
  readonly cwd: string;
  /** The shared git folder of the repository; its real path. */
  readonly commonDir: string;
}

type Surroundings = Omit<GitOptions, 'cwd'>;

/** git looks at all worktrees first, and fails at one that another git is making at that moment: its files are still empty. */
const HALF_MADE = /failed to read .*worktrees\//;
const TRIES = 40;
const RETRY_MS = 25;

/**
 * Makes a worktree with `branch` checked out. No hook runs, and the shared configuration is not written.
 * @throws SubagentsError GIT, DISK_FULL; the reason of `signal` when that ended it
 */
export async function addWorktree(
  place: WorktreePlace,
  branch: string,
  options: Surroundings = {},
): Promise<void> {
  await register(place, branch, options);
  // Apart from the registration, so that ending the call ends the very process that writes the files.
  await git(['reset', '--hard', '--quiet'], { ...options, cwd: place.cwd });
}

/** Removes a worktree and its registration, however little of it there is. Its branch stays. */
export async function discardWorktree(place: WorktreePlace): Promise<void> {
  await rm(place.cwd, { recursive: true, force: true });
  const admin = adminDir(place);
  if (isRegistrationOf(admin, place.cwd)) await rm(admin, { recursive: true, force: true });
}

/** The folders in which `branch` is checked out: the checkout itself, or worktrees of it. @throws SubagentsError GIT */
export async function checkedOutIn(repository: string, branch: string): Promise<string[]> {
  const list = await git(['worktree', 'list', '--porcelain', '-z'], { cwd: repository });
  return list
    .split('\0\0')
    .map((entry) => entry.split('\0'))
    .filter((lines) => lines.includes(`branch refs/heads/${branch}`))
    .flatMap(([first]) => first?.replace(/^worktree /, '') ?? []);
}

/** Whether `cwd` is linked to that repository, and the repository to it. */
export function isWorktree(place: WorktreePlace): boolean {
  try {
    const { gitDir, commonDir } = gitDirs(place.cwd);
    return gitDir === adminDir(place) && commonDir === place.commonDir && isRegistrationOf(gitDir, place.cwd);
  } catch {
    return false;
  }
}

/**
 * Makes `cwd` a worktree again, with `branch` where nothing else is known of what was checked out; a branch that is gone
 * is made again at `base`. Files that are there are kept as they are. Gives what was found, in words; nothing when all
 * was well.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function restoreWorktree(
  place: WorktreePlace,
  { branch, base }: { branch: string; base: string },
  options: Surroundings = {},
): Promise<string[]> {
  const { cwd } = place;
  const kept = `${cwd}.kept`;
  if (!existsSync(kept) && isWorktree(place)) return [];
  const notes: string[] = [];
  const foreign = lstatSync(join(cwd, '.git'), { throwIfNoEntry: false });
  if (foreign && !existsSync(kept) && foreign.isDirectory()) {
    const aside = freeName(`${cwd}.git-left`);
    await rename(join(cwd, '.git'), aside);
    notes.push(`the worktree had a git repository of its own instead of its link; it was moved to ${aside}`);
  }
  const admin = adminDir(place);
  const empty = !existsSync(kept) && !hasFiles(cwd);
  if (empty) {
    await discardWorktree(place);
    await ensureBranch(place, branch, base, options);
    await addWorktree(place, branch, options);
    return [...notes, `the worktree had been removed; it was made again from ${branch}`];
  }
  if (!existsSync(kept) && isRegistrationOf(admin, cwd) && existsSync(join(admin, 'HEAD'))) {
    await rm(join(cwd, '.git'), { force: true });
    await writeFile(join(cwd, '.git'), `gitdir: ${admin}\n`);
    if (isWorktree(place))
      return [...notes, 'the worktree had lost its link to the repository; it was put back'];
  }
  // The files go aside while git makes an empty worktree in their place, then come back into it.
  if (!existsSync(kept)) await rename(cwd, kept);
  await discardWorktree(place);
  await ensureBranch(place, branch, base, options);
  await register(place, branch, options);
  await rm(join(kept, '.git'), { recursive: true, force: true });
  await rename(join(cwd, '.git'), join(kept, '.git'));
  await rmdir(cwd);
  await rename(kept, cwd);
  await git(['read-tree', 'HEAD'], { ...options, cwd });
  return [
    ...notes,
    `the worktree was no longer registered; it was registered again on ${branch}, its files kept`,
  ];
}

async function ensureBranch(
  { commonDir }: WorktreePlace,
  branch: string,
  base: string,
  options: Surroundings,
): Promise<void> {
  if ((await branchTip(commonDir, branch)) !== undefined) return;
  await git(['update-ref', '--create-reflog', `refs/heads/${branch}`, base, ''], {
    ...options,
    cwd: commonDir,
  });
}

async function register(place: WorktreePlace, branch: string, options: Surroundings): Promise<void> {
  await mkdir(dirname(place.cwd), { recursive: true, mode: 0o700 });
  const args = ['worktree', 'add', '--quiet', '--no-checkout', '--force', '--', place.cwd, branch];
  for (let tries = 1; ; tries++) {
    const answer = await tryGit(args, { ...options, cwd: place.commonDir });
    if (answer.exitCode === 0) return;
    if (!HALF_MADE.test(answer.stderr) || tries === TRIES) throw gitError(args, place.commonDir, answer);
    await delay(RETRY_MS);
  }
}

/** Where git keeps what belongs to this worktree alone; git names it after the last part of the path. */
function adminDir({ cwd, commonDir }: WorktreePlace): string {
  return join(commonDir, 'worktrees', basename(cwd));
}

/** Whether `admin` belongs to the worktree at `cwd`, or to one of that name whose making was cut short. */
function isRegistrationOf(admin: string, cwd: string): boolean {
  if (!existsSync(admin)) return false;
  try {
    return readFileSync(join(admin, 'gitdir'), 'utf8').trimEnd() === join(cwd, '.git');
  } catch {
    return true;
  }
}

function hasFiles(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name !== '.git');
  } catch {
    return false;
  }
}

function freeName(wanted: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}-${n}`;
    if (!existsSync(name)) return name;
  }
}
