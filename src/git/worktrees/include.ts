/**
 * `.worktreeinclude` lists ignored files, such as `.env`, that are copied into a worktree. It has the pattern
 * format of gitignore(5). A file must match it and be ignored in both the checkout and the worktree, so that it
 * cannot be committed by accident.
 */
import { constants, existsSync } from 'node:fs';
import { copyFile, lstat, mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { errorCode, statIfThere } from '../../system/files.ts';
import { withScratch } from '../../system/scratch-folder.ts';
import { fileAt } from '../contents/changes.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';

/** The path of the file, from the root of the repository. */
export const INCLUDE_FILE = '.worktreeinclude';

/** With more than this, nothing is copied: half of a folder is worse than none. */
interface IncludeLimits {
  readonly files: number;
  readonly bytes: number;
}
const LIMITS: IncludeLimits = { files: 50_000, bytes: 1024 ** 3 };
const MAX_NAMED = 5;

/**
 * Copies the listed files from the checkout `from` into the new worktree `to`. Keeps modes, overwrites nothing,
 * follows no links, and skips links that lead out of the checkout.
 * @param commit whose `.worktreeinclude` applies: the committed file was reviewed, while the one in the folder may
 * not have been.
 * @returns notes on how many files were copied, and which were not.
 * @throws SubagentsError GIT; the system's error when a file cannot be written
 */
export async function includeIgnored(
  { from, to, commit }: { from: string; to: string; commit: string },
  git: Git,
  limits = LIMITS,
): Promise<string[]> {
  // A fresh worktree has the file only when the commit has it; mostly it does not, and no git call is needed.
  if (!existsSync(join(to, INCLUDE_FILE))) return [];
  const patterns = await fileAt(git.in(to), commit, INCLUDE_FILE);
  if (patterns === undefined) return [];
  const matching = await matchingFiles(git.in(from), patterns);
  const here = await ignored(git.in(from), matching);
  const straight = here.filter((path) => !crossesLink(to, path));
  const both = await ignored(git.in(to), straight);
  const notes: string[] = [];
  const ignoredThere = new Set(both);
  const bared = straight.filter((path) => !ignoredThere.has(path));
  if (bared.length > 0) {
    notes.push(
      `${INCLUDE_FILE}: not copied, because git does not ignore them in the worktree: ${named(bared)}`,
    );
  }
  const found = await measure(from, both);
  const bytes = found.reduce((sum, { size }) => sum + size, 0);
  if (found.length > limits.files || bytes > limits.bytes) {
    const limit = `at most ${limits.files} files and ${megabytes(limits.bytes)} are copied`;
    notes.push(
      `${INCLUDE_FILE} names ${found.length} files of ${megabytes(bytes)}, but ${limit}, so none was copied`,
    );
    return notes;
  }
  const skipped = here.filter((path) => crossesLink(to, path));
  for (const { path, link } of found) {
    git.signal?.throwIfAborted();
    if (!(await copyEntry(from, to, path, link))) skipped.push(path);
  }
  if (skipped.length > 0) notes.push(`${INCLUDE_FILE}: not copied: ${named(skipped)}`);
  const brought = found.filter(({ path }) => !skipped.includes(path)).length;
  if (brought > 0)
    notes.push(`${INCLUDE_FILE}: copied ${brought} ignored ${brought === 1 ? 'file' : 'files'}`);
  return notes;
}

/** The files of the checkout that a worktree of `commit` gets by its `.worktreeinclude`. @throws SubagentsError GIT */
export async function includedFiles(git: Git, commit: string): Promise<string[]> {
  if ((await git.try(['cat-file', '-e', `${commit}:${INCLUDE_FILE}`])).exitCode !== 0) return [];
  const patterns = await fileAt(git, commit, INCLUDE_FILE);
  return patterns === undefined ? [] : ignored(git, await matchingFiles(git, patterns));
}

/** Returns untracked files that match the patterns, ignored or not. */
async function matchingFiles(git: Git, patterns: string): Promise<string[]> {
  return withScratch(async (folder) => {
    const file = join(folder, 'patterns');
    await writeFile(file, patterns);
    const args = ['ls-files', '--others', '--ignored', '-z', `--exclude-from=${file}`];
    return (await git.run(args)).split('\0').filter((path) => path !== '' && !path.endsWith('/'));
  });
}

/** Returns the `paths` that git ignores there, whether they exist or not. */
async function ignored(git: Git, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const args = ['check-ignore', '--stdin', '-z'];
  const answer = await git.try(args, { input: `${paths.join('\0')}\0` });
  // Exit code 1: none is ignored.
  if (answer.exitCode > 1) throw gitError(args, git.cwd, answer);
  return answer.stdout.split('\0').filter((path) => path !== '');
}

interface Found {
  readonly path: string;
  readonly size: number;
  /** The target, for a symbolic link. */
  readonly link: string | undefined;
}

/** Returns files and links with their sizes; sockets, devices and the like are left out. */
async function measure(root: string, paths: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const path of paths) {
    const stat = await lstat(join(root, path)).catch(() => undefined);
    if (stat?.isFile()) found.push({ path, size: stat.size, link: undefined });
    else if (stat?.isSymbolicLink()) found.push({ path, size: 0, link: await readlink(join(root, path)) });
  }
  return found;
}

/** Copies one file or link; false when the target exists or a link leads out of the checkout. */
async function copyEntry(from: string, to: string, path: string, link: string | undefined): Promise<boolean> {
  if (link !== undefined && leadsOut(path, link)) return false;
  try {
    await mkdir(dirname(join(to, path)), { recursive: true });
    if (link !== undefined) await symlink(link, join(to, path));
    else
      await copyFile(join(from, path), join(to, path), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOTDIR', 'EACCES'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

const leadsOut = (path: string, link: string): boolean =>
  link.startsWith('/') || /^\.\.(\/|$)/.test(normalize(join(dirname(path), link)));

/** Whether a parent folder of `path` is a link in `root`, so that the path leads elsewhere. */
function crossesLink(root: string, path: string): boolean {
  const folders = path.split('/').slice(0, -1);
  return folders.some((_, index) => {
    const above = join(root, ...folders.slice(0, index + 1));
    return statIfThere(above)?.isSymbolicLink() ?? false;
  });
}

function named(paths: readonly string[]): string {
  const more = paths.length > MAX_NAMED ? ` and ${paths.length - MAX_NAMED} more` : '';
  return paths.slice(0, MAX_NAMED).join(', ') + more;
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MB`;
