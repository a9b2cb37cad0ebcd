/**
 * An index of our own for a worktree. A worktree's own index can hide files: entries marked assume-unchanged or
 * skip-worktree are never read. What is verified, saved or removed is therefore looked at through a copy without such marks.
 */
import { lstatSync, readdirSync } from 'node:fs';
import {
  access,
  chmod,
  constants,
  copyFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../../system/remove-tree.ts';
import { withScratch } from '../../system/scratch-folder.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';
import { copyIndex } from './scratch-index.ts';
import { parseStatus, STATUS, type CheckoutStatus } from '../contents/status.ts';
import { statIfThere } from '../../system/files.ts';

export interface OwnIndex {
  /** For calls that are to use it. */
  readonly git: Git;
  /** Makes it the index of the worktree. @throws the system's error */
  readonly adopt: () => Promise<void>;
  /** A folder for this work alone. */
  readonly scratch: string;
}

/**
 * Does `work` with an index of our own for the worktree `cwd`, which is removed afterwards. Its entries are those of the
 * worktree's index; only files that lie outside of the sparse patterns, and are not there, are left unread.
 * @throws SubagentsError GIT
 */
export async function withOwnIndex<T>(git: Git, work: (index: OwnIndex) => Promise<T>): Promise<T> {
  const { cwd } = git;
  const { gitDir } = gitDirs(cwd);
  return withScratch(async (scratch) => {
    const path = join(scratch, 'index');
    const place = ownPlace(git);
    const { fileMode, sparse } = await readCore(place);
    const modes = fileMode ? {} : await withModes(cwd);
    const own = place.with({ env: { GIT_INDEX_FILE: path, ...modes } });
    await copyUnmarked(gitDir, path, own);
    if (sparse) await applySparsePatterns(scratch, own);
    const adopt = async (): Promise<void> => {
      const own = join(gitDir, 'index');
      const beside = join(gitDir, 'index.subagents');
      // Whatever lies there: a link is not followed, and a folder is no index.
      for (const path of [beside, join(gitDir, 'index.lock')]) await removeTree(path);
      await copyFile(path, beside, constants.COPYFILE_EXCL);
      if (statIfThere(own)?.isDirectory()) await removeTree(own);
      await rename(beside, own);
    };
    return work({ git: own, adopt, scratch });
  });
}

/** For calls in the worktree `cwd`, whatever core.worktree and core.bare say. @throws SubagentsError NOT_A_REPOSITORY */
export function ownPlace(git: Git): Git {
  const { gitDir } = gitDirs(git.cwd);
  return git.with({ env: { GIT_DIR: gitDir, GIT_WORK_TREE: git.cwd } });
}

/** The settings that decide how an index of our own is made. */
async function readCore(git: Git): Promise<{ fileMode: boolean; sparse: boolean }> {
  const args = ['config', '--type=bool', '--get-regexp', String.raw`^core\.(filemode|sparsecheckout)$`];
  const lines = (await git.try(args)).stdout.split('\n');
  const value = (key: string): string | undefined =>
    lines.findLast((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  return { fileMode: value('core.filemode') !== 'false', sparse: value('core.sparsecheckout') === 'true' };
}

export interface WorktreeStatus extends CheckoutStatus {
  /** Paths that could not be looked into, as git names them. */
  readonly unreadable: readonly string[];
}

/** With what git ignores. */
const ALL = [...STATUS, '--ignored=matching'];

/** The status of the worktree `cwd`, whatever its index hides. Nothing in it is changed. @throws SubagentsError GIT */
export function lookAtWorktree(git: Git): Promise<WorktreeStatus> {
  return withOwnIndex(git, async ({ git: own }) => {
    const answer = await own.try(ALL);
    if (answer.exitCode !== 0) throw gitError(ALL, git.cwd, answer);
    return { ...parseStatus(answer.stdout), unreadable: unreadableIn(answer.stderr) };
  });
}

/**
 * The status of the worktree `cwd`, whatever its index hides. Folders and changed files that their owner may not read are
 * made readable for it first.
 * @throws SubagentsError GIT
 */
export function worktreeStatus(git: Git): Promise<WorktreeStatus> {
  return withOwnIndex(git, (index) => statusThrough(index));
}

/** The same of the worktree that `index` is of. @throws SubagentsError GIT */
export async function statusThrough({ git }: OwnIndex): Promise<WorktreeStatus> {
  const { cwd } = git;
  let answer = await git.try(ALL);
  if (unreadableIn(answer.stderr).length > 0) {
    await openFolders(cwd);
    answer = await git.try(ALL);
  }
  if (answer.exitCode !== 0) throw gitError(ALL, cwd, answer);
  const status = parseStatus(answer.stdout);
  for (const path of [...status.changed.map((each) => each.path), ...status.untracked])
    await makeReadable(join(cwd, path));
  return { ...status, unreadable: unreadableIn(answer.stderr) };
}

const DENIED = 'Permission denied';

/** Of the lines "warning: could not open directory 'a/': Permission denied" and "a/b: Permission denied". */
function unreadableIn(stderr: string): string[] {
  return (
    stderr
      .split('\n')
      .filter((line) => line.endsWith(DENIED))
      .map((line) => /'(.*)'/.exec(line)?.[1] ?? line.slice(0, -DENIED.length - 2))
      // Configuration of the user's lies elsewhere.
      .filter((path) => !path.startsWith('/'))
  );
}

/** A copy of the worktree's index in which no entry is marked as one not to be read; what HEAD has, where it cannot be read. */
async function copyUnmarked(gitDir: string, path: string, git: Git): Promise<void> {
  try {
    await copyIndex(gitDir, path);
    await unmark(git);
  } catch {
    git.signal?.throwIfAborted();
    await rm(path, { force: true });
    const head = await git.try(['rev-parse', '--verify', '--quiet', 'HEAD']);
    await git.run(['read-tree', head.exitCode === 0 ? 'HEAD' : '--empty']);
  }
}

async function unmark(git: Git): Promise<void> {
  const entries = (await git.run(['ls-files', '-v', '-z'])).split('\0');
  // "S path": skip-worktree; a small letter: assume-unchanged.
  const marked = (tags: RegExp): string[] =>
    entries.filter((entry) => tags.test(entry)).map((entry) => entry.slice(2));
  const clear = async (paths: readonly string[], how: string): Promise<void> => {
    if (paths.length > 0) await git.run(['update-index', '-z', how, '--stdin'], { input: paths.join('\0') });
  };
  await clear(marked(/^[Ss] /), '--no-skip-worktree');
  await clear(marked(/^[a-z] /), '--no-assume-unchanged');
}

/** Marks as not to be read what a sparse checkout leaves out; git itself takes the mark off whatever is there all the same. */
async function applySparsePatterns(scratch: string, git: Git): Promise<void> {
  // In an empty folder, so that it writes and removes nothing.
  const empty = join(scratch, 'empty');
  await mkdir(empty);
  await git.runningIn(empty).run(['sparse-checkout', 'reapply'], { env: { GIT_WORK_TREE: empty } });
}

/**
 * Where core.fileMode is off, as in a repository from a Windows disk, a commit has no new executable bit, while the file in
 * the worktree may have it. It counts wherever the disk keeps it.
 */
async function withModes(cwd: string): Promise<Readonly<Record<string, string>>> {
  // Beside the worktree, on its disk.
  const folder = await mkdtemp(`${cwd}.mode-`);
  try {
    const probe = join(folder, 'probe');
    await writeFile(probe, '', { mode: 0o600 });
    const off = (await stat(probe)).mode & 0o100;
    await chmod(probe, 0o700);
    const on = (await stat(probe)).mode & 0o100;
    if (off !== 0 || on === 0) return {};
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.fileMode', GIT_CONFIG_VALUE_0: 'true' };
}

/** Gives the owner back what it may not read. Links are not followed; what is somebody else's stays as it is. */
async function makeReadable(path: string): Promise<void> {
  const found = statIfThere(path);
  if (!found || !(found.isFile() || found.isDirectory())) return;
  try {
    await access(path, constants.R_OK);
  } catch {
    await chmod(path, found.mode | (found.isDirectory() ? 0o700 : 0o600)).catch(() => undefined);
  }
}

/** Opens the folders of the worktree that their owner may not look into. */
async function openFolders(root: string): Promise<void> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const { mode } = lstatSync(folder);
    if ((mode & 0o500) !== 0o500) await chmod(folder, mode | 0o700).catch(() => undefined);
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory() && entry.name !== '.git') folders.push(join(folder, entry.name));
    } catch {
      // Somebody else's: it is named as unreadable.
    }
  }
}
