/**
 * What lies in a worktree otherwise than a checkout of its commit would write it, though git takes it for unchanged: files whose
 * line ends or content git converts (gitattributes(5), filters), and folders with no file in them.
 */
import { createReadStream, readdirSync, type Dirent } from 'node:fs';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, statIfThere } from '../../system/files.ts';
import { withOwnIndex } from './own-index.ts';
import { attributesOf, type Readings } from '../trust/readings.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { untrackedFolders } from '../contents/status.ts';
import { withScratch } from '../../system/scratch-folder.ts';

/** A file system may know when a file was changed to two seconds alone. */
const GRANULARITY_MS = 2_000;

export interface WrittenFrom {
  /** When every file lay there as a checkout had written it, in milliseconds since the epoch. */
  readonly since: number;
  /** The commit that was checked out then. */
  readonly start: string;
}

/**
 * Tracked files of the worktree `cwd` that a checkout of HEAD would write otherwise. Only files that were touched since
 * `since` are compared, unless attributes have changed.
 * @throws SubagentsError GIT
 */
export function writtenOtherwise(git: Git, { since, start }: WrittenFrom): Promise<string[]> {
  const { cwd } = git;
  return withOwnIndex(git, async ({ git: own, scratch }) => {
    const changed = await own.try(['diff', '--quiet', start, 'HEAD', '--', ':(glob)**/.gitattributes']);
    const touched = (path: string): boolean =>
      changed.exitCode !== 0 || (statIfThere(join(cwd, path))?.ctimeMs ?? 0) > since - GRANULARITY_MS;
    const tracked = (await own.run(['ls-files', '--stage', '-t', '-z'])).split('\0');
    // "H 100644 … 0\tpath": a file that is there, and in no conflict.
    const files = tracked
      .filter((entry) => /^H 100\d+ \S+ 0\t/.test(entry))
      .map((entry) => entry.slice(entry.indexOf('\t') + 1))
      .filter(touched);
    if (files.length === 0) return [];
    const folder = join(scratch, 'checkout');
    await mkdir(folder);
    await own.run(['checkout-index', '--force', '-z', '--stdin', `--prefix=${folder}/`], {
      input: files.join('\0'),
    });
    const different: string[] = [];
    for (const path of files)
      if (!(await sameContent(join(cwd, path), join(folder, path)))) different.push(path);
    return different;
  });
}

async function sameContent(one: string, other: string): Promise<boolean> {
  const [a, b] = [statIfThere(one), statIfThere(other)];
  if (!a?.isFile() || !b?.isFile() || a.size !== b.size) return false;
  const [left, right] = [createReadStream(one), createReadStream(other)];
  const pieces = right[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    // Both are read in pieces of one size.
    for await (const piece of left as AsyncIterable<Buffer>) {
      const next = await pieces.next();
      if (next.done === true || !piece.equals(next.value)) return false;
    }
    return true;
  } finally {
    left.destroy();
    right.destroy();
  }
}

/**
 * Does `work` with a handle in whose calls `info/attributes` is as it was `before`.
 * @throws the system's error when its stand-in cannot be made
 */
export async function withAttributesAsBefore<T>(
  git: Git,
  before: Readings | undefined,
  work: (git: Git) => Promise<T>,
): Promise<T> {
  const { commonDir } = gitDirs(git.cwd);
  if (before === undefined || attributesOf(commonDir) === before.attributes) return work(git);
  return withScratch(async (scratch) => {
    // The same git folder, but for `info`.
    const stand = await mkdtemp(join(scratch, 'git-'));
    await linkAll(commonDir, stand, 'info');
    await mkdir(join(stand, 'info'));
    await linkAll(join(commonDir, 'info'), join(stand, 'info'), 'attributes');
    if (before.attributes !== undefined)
      await writeFile(join(stand, 'info', 'attributes'), before.attributes);
    return work(git.with({ env: { GIT_COMMON_DIR: stand } }));
  });
}

async function linkAll(from: string, to: string, except: string): Promise<void> {
  for (const name of namesIn(from)) if (name !== except) await symlink(join(from, name), join(to, name));
}

/** Folders of the worktree `cwd` in which no file lies, each with a `/` at the end: no commit holds them. @throws SubagentsError GIT */
export async function emptyFolders(git: Git): Promise<string[]> {
  const folders = (await untrackedFolders(git)).filter((path) => path.endsWith('/'));
  return folders.filter((path) => hasNoFile(join(git.cwd, path)));
}

function hasNoFile(folder: string): boolean {
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    let entries: Dirent[];
    try {
      entries = readdirSync(at, { withFileTypes: true });
    } catch {
      return false; // It may not be read: nobody knows.
    }
    for (const entry of entries) {
      if (!entry.isDirectory()) return false;
      folders.push(join(at, entry.name));
    }
  }
  return true;
}
