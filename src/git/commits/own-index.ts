/**
 * A private copy of a worktree's index. The worktree's own index can hide files: git never reads entries marked
 * assume-unchanged or skip-worktree. Verifying, saving and removing therefore use a copy without such marks.
 */
import { lstatSync, readdirSync } from 'node:fs';
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { ByContent } from '../../system/by-content.ts';
import { copyForeignFile, statIfThere } from '../../system/files.ts';
import { removeTree } from '../../system/remove-tree.ts';
import { gitDirs, isIndexSplit } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { withGitScratch } from '../scratch.ts';
import { gitError } from '../run.ts';
import { copyIndex } from './scratch-index.ts';
import { parseStatus, STATUS, type CheckoutStatus } from '../contents/status.ts';
import { configured, isTrue } from '../trust/configuration.ts';

/** A private index of a worktree. */
export interface OwnIndex {
  /** Git calls with this handle use the private index. */
  readonly git: Git;
  /** Replaces the worktree's index with the private one. @throws the system's error */
  readonly adopt: () => Promise<void>;
  /** A temporary folder for this work alone. */
  readonly scratch: string;
}

/**
 * Runs `work` with a private index of the worktree, which is removed afterwards. It has the entries of the
 * worktree's index; git skips only files that are outside the sparse patterns and missing.
 * @throws SubagentsError GIT
 */
export async function withOwnIndex<T>(git: Git, work: (index: OwnIndex) => Promise<T>): Promise<T> {
  const { cwd } = git;
  const { gitDir } = gitDirs(cwd);
  return withGitScratch(git, async (scratch) => {
    const path = join(scratch, 'index');
    const place = withoutCoreWorktree(git);
    const { fileMode, sparse } = await readCore(git);
    const modes = fileMode ? {} : await withModes(cwd);
    const own = place.with({ env: { GIT_INDEX_FILE: path, ...modes } });
    await copyUnmarked(gitDir, path, own);
    if (sparse) await applySparsePatterns(scratch, own);
    const adopt = async (): Promise<void> => {
      const own = join(gitDir, 'index');
      const beside = join(gitDir, 'index.subagents');
      // Remove whatever is there: a link is not followed, and a folder cannot be an index.
      for (const path of [beside, join(gitDir, 'index.lock')]) await removeTree(path);
      await copyForeignFile(path, beside);
      if (statIfThere(own)?.isDirectory()) await removeTree(own);
      await rename(beside, own);
    };
    return work({ git: own, adopt, scratch });
  });
}

/**
 * Returns a handle for the worktree that ignores core.worktree and core.bare.
 * @throws SubagentsError NOT_A_REPOSITORY
 */
export function withoutCoreWorktree(git: Git): Git {
  const { gitDir } = gitDirs(git.cwd);
  return git.with({ env: { GIT_DIR: gitDir, GIT_WORK_TREE: git.cwd } });
}

/** Reads the settings that decide how the private index is made. */
async function readCore(git: Git): Promise<{ readonly fileMode: boolean; readonly sparse: boolean }> {
  const settings = await git.configuration();
  const fileMode = configured(settings, 'core.filemode');
  return {
    fileMode: fileMode === undefined || isTrue(fileMode),
    sparse: isTrue(configured(settings, 'core.sparsecheckout')),
  };
}

/** A status read through a private index. */
export interface WorktreeStatus extends CheckoutStatus {
  /** Paths that could not be read, as git names them. */
  readonly unreadable: readonly string[];
}

/** The status call, with ignored paths. */
const ALL = [...STATUS, '--ignored=matching'];

/**
 * Returns the status of the worktree including files that its index hides, without changing anything.
 * @throws SubagentsError GIT
 */
export function readWorktreeStatus(git: Git): Promise<WorktreeStatus> {
  return withOwnIndex(git, async ({ git: own }) => {
    const answer = await own.try(ALL);
    if (answer.exitCode !== 0) throw gitError(ALL, git.cwd, answer);
    return { ...parseStatus(answer.stdout), unreadable: unreadableIn(answer.stderr) };
  });
}

/**
 * Returns the status of the worktree including files that its index hides. First makes folders and changed files
 * readable for their owner.
 * @throws SubagentsError GIT
 */
export function readableWorktreeStatus(git: Git): Promise<WorktreeStatus> {
  return withOwnIndex(git, (index) => statusWithIndex(index));
}

/** Returns the same status through an existing private index. @throws SubagentsError GIT */
export async function statusWithIndex({ git }: OwnIndex): Promise<WorktreeStatus> {
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

/**
 * Extracts paths from the lines "warning: could not open directory 'a/': Permission denied" and "a/b: Permission
 * denied".
 */
function unreadableIn(stderr: string): string[] {
  return (
    stderr
      .split('\n')
      .filter((line) => line.endsWith(DENIED))
      .map((line) => /'(.*)'/.exec(line)?.[1] ?? line.slice(0, -DENIED.length - 2))
      // Absolute paths belong to the user's configuration.
      .filter((path) => !path.startsWith('/'))
  );
}

/**
 * Copies the worktree's index and clears its skip marks. When the index cannot be read, uses the contents of HEAD.
 */
async function copyUnmarked(gitDir: string, path: string, git: Git): Promise<void> {
  try {
    await copyIndex(gitDir, path);
    await unmark(path, git);
  } catch {
    git.signal?.throwIfAborted();
    await rm(path, { force: true });
    const head = await git.try(['rev-parse', '--verify', '--quiet', 'HEAD']);
    await git.run(['read-tree', head.exitCode === 0 ? 'HEAD' : '--empty']);
  }
}

/** Whether an index has marks, by its content. */
const marksByIndex = new ByContent<boolean>();

/** Clears the marks of the index at `path`, which `git` uses. */
async function unmark(path: string, git: Git): Promise<void> {
  const isMarked = (entry: string): boolean => /^([a-z]|S) /.test(entry);
  const list = async (): Promise<string[]> => (await git.run(['ls-files', '-v', '-z'])).split('\0');
  // A split index depends on another file too.
  const isWhole = !isIndexSplit(gitDirs(git.cwd).gitDir);
  const hasMarks = async (): Promise<boolean> => (await list()).some(isMarked);
  if (isWhole && !(await marksByIndex.get(await readFile(path), hasMarks))) return;
  const entries = await list();
  // "S path": skip-worktree; a lower-case letter: assume-unchanged.
  const marked = (tags: RegExp): string[] =>
    entries.filter((entry) => tags.test(entry)).map((entry) => entry.slice(2));
  const clear = async (paths: readonly string[], how: string): Promise<void> => {
    if (paths.length > 0) await git.run(['update-index', '-z', how, '--stdin'], { input: paths.join('\0') });
  };
  await clear(marked(/^[Ss] /), '--no-skip-worktree');
  await clear(marked(/^[a-z] /), '--no-assume-unchanged');
}

/** Marks entries outside the sparse patterns as skip-worktree; git itself clears the mark of files that exist. */
async function applySparsePatterns(scratch: string, git: Git): Promise<void> {
  // Runs in an empty folder, so that git writes and removes no files.
  const empty = join(scratch, 'empty');
  await mkdir(empty);
  await git.runningIn(empty).run(['sparse-checkout', 'reapply'], { env: { GIT_WORK_TREE: empty } });
}

/**
 * With core.fileMode off, as in a repository from a Windows disk, git ignores new executable bits of files in the
 * worktree. Turns it on when the disk stores executable bits.
 */
async function withModes(cwd: string): Promise<Readonly<Record<string, string>>> {
  // Beside the worktree, to be on the same disk.
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

/** Makes a file or folder readable for its owner. Does not follow links; files of other users are unchanged. */
async function makeReadable(path: string): Promise<void> {
  const found = statIfThere(path);
  if (!found || !(found.isFile() || found.isDirectory())) return;
  try {
    await access(path, constants.R_OK);
  } catch {
    await chmod(path, found.mode | (found.isDirectory() ? 0o700 : 0o600)).catch(() => undefined);
  }
}

/** Makes all folders of the worktree accessible to their owner. */
async function openFolders(root: string): Promise<void> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const { mode } = lstatSync(folder);
    if ((mode & 0o500) !== 0o500) await chmod(folder, mode | 0o700).catch(() => undefined);
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory() && entry.name !== '.git') folders.push(join(folder, entry.name));
    } catch {
      // A folder of another user: reported as unreadable.
    }
  }
}
