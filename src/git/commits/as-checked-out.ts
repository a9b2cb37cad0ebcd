/**
 * Finds contents of a worktree that a checkout of its commit would not produce, although git considers them
 * unchanged: files whose line endings or content git converts (gitattributes(5), filters), and folders without files.
 */
import { createReadStream, readdirSync, type Dirent } from 'node:fs';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn, statIfThere } from '../../system/files.ts';
import { withOwnIndex } from './own-index.ts';
import { attributesOf, type ContentSettings } from '../trust/content-settings.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { withGitScratch } from '../scratch.ts';
import { untrackedFolders } from '../contents/status.ts';

/** Some file systems store change times with a precision of two seconds. */
const GRANULARITY_MS = 2_000;

/** A moment at which every file was as a checkout writes it. */
export interface CheckoutTime {
  /** That moment, in milliseconds since the epoch. */
  readonly since: number;
  /** The commit that was checked out at that moment. */
  readonly start: string;
}

/**
 * Returns tracked files of the worktree that a checkout of HEAD would write differently. Compares only files
 * touched after `since`, unless attributes have changed.
 * @throws SubagentsError GIT
 */
export function differingFromCheckout(git: Git, { since, start }: CheckoutTime): Promise<string[]> {
  const { cwd } = git;
  return withOwnIndex(git, async ({ git: own, scratch }) => {
    const changed = await own.try(['diff', '--quiet', start, 'HEAD', '--', ':(glob)**/.gitattributes']);
    const touched = (path: string): boolean =>
      changed.exitCode !== 0 || (statIfThere(join(cwd, path))?.ctimeMs ?? 0) > since - GRANULARITY_MS;
    const tracked = (await own.run(['ls-files', '--stage', '-t', '-z'])).split('\0');
    // "H 100644 … 0\tpath": a file that exists and is not in conflict.
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
    // Both streams are read in chunks of the same size.
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
 * Runs `work` with a git handle that sees `info/attributes` as it was `before`.
 * @throws the system's error when the substitute git folder cannot be made
 */
export async function withAttributesAsBefore<T>(
  git: Git,
  before: ContentSettings | undefined,
  work: (git: Git) => Promise<T>,
): Promise<T> {
  const { commonDir } = gitDirs(git.cwd);
  if (before === undefined || attributesOf(commonDir) === before.attributes) return work(git);
  return withGitScratch(git, async (scratch) => {
    // A copy of the git folder, by links, except for `info`.
    const substitute = await mkdtemp(join(scratch, 'git-'));
    await linkAll(commonDir, substitute, 'info');
    await mkdir(join(substitute, 'info'));
    await linkAll(join(commonDir, 'info'), join(substitute, 'info'), 'attributes');
    if (before.attributes !== undefined)
      await writeFile(join(substitute, 'info', 'attributes'), before.attributes);
    return work(git.with({ env: { GIT_COMMON_DIR: substitute } }));
  });
}

async function linkAll(from: string, to: string, except: string): Promise<void> {
  for (const name of namesIn(from)) if (name !== except) await symlink(join(from, name), join(to, name));
}

/**
 * Returns folders of the worktree that contain no file, each with a `/` at the end. No commit can contain them.
 * @throws SubagentsError GIT
 */
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
      return false; // Unreadable, so its contents are unknown.
    }
    for (const entry of entries) {
      if (!entry.isDirectory()) return false;
      folders.push(join(at, entry.name));
    }
  }
  return true;
}
