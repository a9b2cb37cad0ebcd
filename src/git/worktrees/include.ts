/**
 * `.worktreeinclude`: which of the files that git ignores come along into a worktree, such as `.env`. Its patterns are
 * those of gitignore(5); a file must match it and be ignored, in the checkout and in the worktree, so that what is brought
 * along can never be committed by accident.
 */
import { constants, existsSync } from 'node:fs';
import { copyFile, lstat, mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { errorCode, statIfThere } from '../../system/files.ts';
import { withScratch } from '../../system/scratch-folder.ts';
import { fileAt } from '../contents/changes.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';

/** Where the file is, from the root of the repository. */
export const INCLUDE_FILE = '.worktreeinclude';

/** Beyond this nothing is brought along: half of a folder is worse than none. */
interface IncludeLimits {
  readonly files: number;
  readonly bytes: number;
}
const LIMITS: IncludeLimits = { files: 50_000, bytes: 1024 ** 3 };
const MAX_NAMED = 5;

/**
 * Copies what the file names from the checkout `from` into the new worktree `to`. Modes are kept, nothing is
 * overwritten, no link is followed, and none is brought along that leads out of the checkout.
 * @param commit whose `.worktreeinclude` counts: what is committed was looked at, what lies in a folder may not have been.
 * @returns what was not brought along, in words, and how much was.
 * @throws SubagentsError GIT; the system's error when a file cannot be written
 */
export async function includeIgnored(
  { from, to, commit }: { from: string; to: string; commit: string },
  git: Git,
  limits = LIMITS,
): Promise<string[]> {
  // A fresh worktree has it where the commit has it; mostly it has not, and no git need be started.
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
      `${INCLUDE_FILE}: not brought along, because git does not ignore them in the worktree: ${named(bared)}`,
    );
  }
  const found = await measure(from, both);
  const bytes = found.reduce((sum, { size }) => sum + size, 0);
  if (found.length > limits.files || bytes > limits.bytes) {
    const limit = `at most ${limits.files} files and ${megabytes(limits.bytes)} are brought along`;
    notes.push(
      `${INCLUDE_FILE} names ${found.length} files of ${megabytes(bytes)}, and ${limit}: nothing was`,
    );
    return notes;
  }
  const skipped = here.filter((path) => crossesLink(to, path));
  for (const { path, link } of found) {
    git.signal?.throwIfAborted();
    if (!(await bring(from, to, path, link))) skipped.push(path);
  }
  if (skipped.length > 0) notes.push(`${INCLUDE_FILE}: not brought along: ${named(skipped)}`);
  const brought = found.filter(({ path }) => !skipped.includes(path)).length;
  if (brought > 0)
    notes.push(`${INCLUDE_FILE} brought ${brought} ignored ${brought === 1 ? 'file' : 'files'} along`);
  return notes;
}

/** Untracked files that match the patterns, ignored or not. */
async function matchingFiles(git: Git, patterns: string): Promise<string[]> {
  return withScratch(async (folder) => {
    const file = join(folder, 'patterns');
    await writeFile(file, patterns);
    const args = ['ls-files', '--others', '--ignored', '-z', `--exclude-from=${file}`];
    return (await git.run(args)).split('\0').filter((path) => path !== '' && !path.endsWith('/'));
  });
}

/** Those of `paths` that git ignores there, whether they exist or not. */
async function ignored(git: Git, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const args = ['check-ignore', '--stdin', '-z'];
  const answer = await git.try(args, { input: `${paths.join('\0')}\0` });
  // 1: none of them.
  if (answer.exitCode > 1) throw gitError(args, git.cwd, answer);
  return answer.stdout.split('\0').filter((path) => path !== '');
}

interface Found {
  readonly path: string;
  readonly size: number;
  /** Where it leads to, when it is a link. */
  readonly link: string | undefined;
}

/** Files and links; sockets, devices and the like are left out. */
async function measure(root: string, paths: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const path of paths) {
    const stat = await lstat(join(root, path)).catch(() => undefined);
    if (stat?.isFile()) found.push({ path, size: stat.size, link: undefined });
    else if (stat?.isSymbolicLink()) found.push({ path, size: 0, link: await readlink(join(root, path)) });
  }
  return found;
}

/** False when it is not brought along: something is there already, or a link leads out. */
async function bring(from: string, to: string, path: string, link: string | undefined): Promise<boolean> {
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

/** Whether a folder above `path` is a link in `root`: it would lead somewhere else. */
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
