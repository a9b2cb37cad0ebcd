/** Makes worktrees, and restores them after a crash or when parts were removed. */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { folderId, inFolder } from '../../system/own-folder.ts';
import { removeTree } from '../../system/remove-tree.ts';
import { branchTip } from '../branches/branch.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';
import {
  freeName,
  stagingPath,
  foreignFolderError,
  registeredAt,
  requireOwnParents,
  ensureOwnFolder,
  ensureOwnRegistration,
} from './worktree-location.ts';
import { readIfItCan, statIfThere } from '../../system/files.ts';

/** The location of a worktree and of its repository. */
export interface WorktreeLocation {
  /** Absolute real path. No other worktree of the repository may have the same last part. */
  readonly cwd: string;
  /** Real path of the shared git folder of the repository. */
  readonly commonDir: string;
}

/**
 * Git reads all worktrees first and fails when another git process is just creating one, whose files are still
 * empty.
 */
const INCOMPLETE_WORKTREE = /failed to read .*worktrees\//;
const TRIES = 40;
const RETRY_MS = 25;

/**
 * Makes a worktree with `branch` checked out. No hook runs, and the shared configuration is not written.
 * @throws SubagentsError GIT, DISK_FULL; the reason of `signal` when that ended it
 */
export async function addWorktree(place: WorktreeLocation, branch: string, git: Git): Promise<void> {
  await register(place, branch, git);
  // Separate from the registration, so that aborting the call ends the process that writes the files. Overwrites no
  // file.
  await git.in(place.cwd).run(['read-tree', '-m', '-u', 'HEAD']);
}

/** Removes a worktree and its registration, however incomplete. Its branch stays. */
export async function discardWorktree(place: WorktreeLocation): Promise<void> {
  requireOwnParents(place.cwd);
  await removeTree(place.cwd);
  const admin = adminDir(place);
  if (isRegistrationOf(admin, place.cwd)) await removeTree(admin);
}

/** Prefix of the reason in our locks. */
const LOCKED = 'durable-subagents: ';

/**
 * Locks a worktree (`locked` in gitrepository-layout(5)), so that other processes' `git worktree remove --force` and
 * `git worktree prune` leave it alone. An existing lock stays as it is. Failures are ignored.
 */
export async function lockWorktree(place: WorktreeLocation): Promise<void> {
  const reason = `${LOCKED}a live subagent works here, ${basename(place.cwd)}\n`;
  await writeFile(join(adminDir(place), 'locked'), reason, { flag: 'wx' }).catch(() => undefined);
}

/** Removes our lock, but nobody else's. */
export async function unlockWorktree(place: WorktreeLocation): Promise<void> {
  const admin = adminDir(place);
  if (!isRegistrationOf(admin, place.cwd)) return;
  const path = join(admin, 'locked');
  if (readIfItCan(path).startsWith(LOCKED)) await rm(path, { force: true });
}

/**
 * Returns the folders that have `branch` checked out: the checkout itself, or worktrees of it.
 * @throws SubagentsError GIT
 */
export async function checkedOutIn(git: Git, branch: string): Promise<string[]> {
  const list = await git.run(['worktree', 'list', '--porcelain', '-z']);
  return list
    .split('\0\0')
    .map((entry) => entry.split('\0'))
    .filter((lines) => lines.includes(`branch refs/heads/${branch}`))
    .flatMap(([first]) => first?.replace(/^worktree /, '') ?? []);
}

/** Whether `cwd` is the real worktree folder (not a link to it), and it and the repository refer to each other. */
export function isWorktree(place: WorktreeLocation): boolean {
  try {
    const { gitDir, commonDir } = gitDirs(place.cwd);
    return (
      realpathSync(place.cwd) === place.cwd &&
      gitDir === adminDir(place) &&
      commonDir === place.commonDir &&
      isRegistrationOf(gitDir, place.cwd)
    );
  } catch {
    return false;
  }
}

/** What is needed to restore a worktree. */
export interface WorktreeState {
  readonly branch: string;
  /** The commit at which a missing branch is created again. */
  readonly base: string;
  /** The id of the worktree's folder (see `folderId`); when undefined, any folder is accepted. */
  readonly folder?: string | undefined;
}

/** Notes on what was repaired (empty when all was well), and the id of the worktree's current folder. */
export interface RestoredWorktree {
  readonly notes: readonly string[];
  readonly folder: string | undefined;
}

/**
 * Restores the worktree at `cwd`. Checks out `branch`, which must be a normal branch (`ensureNormalBranch`), when nothing
 * else is known of what was checked out. Existing files are kept. Foreign entries in its place, such as a symbolic
 * link to a user's checkout, are neither entered nor changed: a link is removed, other entries are moved aside.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function restoreWorktree(
  place: WorktreeLocation,
  known: WorktreeState,
  git: Git,
): Promise<RestoredWorktree> {
  const notes = [
    ...(await ensureOwnRegistration(place, adminDir(place))),
    ...(await ensureOwnFolder(place, adminDir(place), known.folder)),
    ...(await ownHead(place, known.branch)),
    ...(await relink(place, known, git)),
  ];
  return { notes, folder: folderId(place.cwd) };
}

/**
 * Resets a HEAD that names neither a branch nor a commit to `branch`; git would not recognize the worktree
 * otherwise.
 */
async function ownHead(place: WorktreeLocation, branch: string): Promise<string[]> {
  const path = join(adminDir(place), 'HEAD');
  const stat = statIfThere(path);
  if (stat === undefined || folderId(adminDir(place)) === undefined) return [];
  if (stat.isFile() && /^(ref: refs\/\S+|[0-9a-f]{40,64})\s*$/.test(await readFile(path, 'utf8'))) return [];
  if (stat.isSymbolicLink()) return [];
  await removeTree(path);
  await writeFile(path, `ref: refs/heads/${branch}\n`, { flag: 'wx' });
  return [`HEAD of the worktree did not name a commit; it is ${branch} again`];
}

async function relink(place: WorktreeLocation, { branch, base }: WorktreeState, git: Git): Promise<string[]> {
  const { cwd } = place;
  const kept = stagingPath(cwd);
  if (!existsSync(kept) && isWorktree(place)) return [];
  const notes: string[] = [];
  const admin = adminDir(place);
  if (!existsSync(kept)) {
    if (existsSync(cwd)) notes.push(...(await moveNestedRepository(cwd, cwd)));
    if (!hasFiles(cwd)) {
      await discardWorktree(place);
      await ensureBranch(place, branch, base, git);
      await addWorktree(place, branch, git);
      return [...notes, `the worktree had been removed; it was made again from ${branch}`];
    }
    if (isRegistrationOf(admin, cwd) && existsSync(join(admin, 'HEAD'))) {
      await inOwnFolder(cwd, async (at) => {
        await rm(join(at, '.git'), { force: true });
        await writeFile(join(at, '.git'), `gitdir: ${admin}\n`, { flag: 'wx' });
      });
      if (isWorktree(place))
        return [...notes, 'the worktree had lost its link to the repository; the link was restored'];
    }
    // Move the files aside while git makes an empty worktree in their place, then move them back.
    await rename(cwd, kept);
  }
  notes.push(...(await moveNestedRepository(kept, cwd)));
  await discardWorktree(place);
  await ensureBranch(place, branch, base, git);
  await register(place, branch, git);
  await inOwnFolder(kept, async (at) => {
    await rm(join(at, '.git'), { force: true });
    await rename(join(cwd, '.git'), join(at, '.git'));
  });
  await rmdir(cwd);
  await rename(kept, cwd);
  await git.in(cwd).run(['read-tree', 'HEAD']);
  return [
    ...notes,
    `the worktree was no longer registered in the repository; it was registered again on ${branch}, and its files were kept`,
  ];
}

/**
 * Moves a nested `.git` folder out of the worktree folder `from`, which should have a `.git` file instead.
 * @param cwd the path from which the new name is derived
 */
async function moveNestedRepository(from: string, cwd: string): Promise<string[]> {
  return inOwnFolder(from, async (at) => {
    if (!statIfThere(join(at, '.git'))?.isDirectory()) return [];
    const aside = freeName(`${cwd}.git-left`);
    await rename(join(at, '.git'), aside);
    return [
      `the worktree had its own git repository instead of its link; that repository was moved to ${aside}`,
    ];
  });
}

/** Runs `work` in the folder that `path` is now; does not follow a link that replaces it meanwhile. */
async function inOwnFolder<T>(path: string, work: (at: string) => Promise<T>): Promise<T> {
  const id = folderId(path);
  if (id === undefined) throw foreignFolderError(path);
  return inFolder(path, id, work);
}

async function ensureBranch(
  { commonDir }: WorktreeLocation,
  branch: string,
  base: string,
  git: Git,
): Promise<void> {
  if ((await branchTip(git.in(commonDir), branch)) !== undefined) return;
  await git
    .in(commonDir)
    .run(['update-ref', '--no-deref', '--create-reflog', `refs/heads/${branch}`, base, '']);
}

async function register(place: WorktreeLocation, branch: string, git: Git): Promise<void> {
  await mkdir(dirname(place.cwd), { recursive: true, mode: 0o700 });
  const args = ['worktree', 'add', '--quiet', '--no-checkout', '--force', '--', place.cwd, branch];
  for (let tries = 1; ; tries++) {
    const answer = await git.in(place.commonDir).try(args);
    if (answer.exitCode === 0) return;
    if (!INCOMPLETE_WORKTREE.test(answer.stderr) || tries === TRIES)
      throw gitError(args, place.commonDir, answer);
    await delay(RETRY_MS);
  }
}

/**
 * Returns git's folder for what belongs to this worktree alone. Git names it after the last part of the worktree's
 * path.
 */
export function adminDir({ cwd, commonDir }: WorktreeLocation): string {
  return join(commonDir, 'worktrees', basename(cwd));
}

/** Whether `admin` is the registration of the worktree at `cwd`, or an incomplete registration of that name. */
function isRegistrationOf(admin: string, cwd: string): boolean {
  return folderId(admin) !== undefined && [undefined, join(cwd, '.git')].includes(registeredAt(admin));
}

function hasFiles(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => name !== '.git');
}
