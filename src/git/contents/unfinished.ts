/** Finds unfinished work: git operations that were not completed, and conflict markers in files. */

import { join } from 'node:path';
import { z } from 'zod';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { operationUnderway, withArticle } from '../commits/commit-worktree.ts';
import { statIfThere } from '../../system/files.ts';

/** Maximum number of files that a text lists. */
const MAX_FILES = 10;

/** An unfinished operation, with its files in conflict. */
export const unfinished = z.object({
  /** Git's name of the operation: `merge`, `rebase`. Absent when only its conflicted files are left. */
  operation: z.string().optional(),
  /** By path: the blob that the saving commit contains; null: no such file, or not yet read. */
  conflicts: z.record(z.string(), z.string().nullable()),
  /** The commit that saved the conflicts; absent until they are saved. */
  head: z.string().optional(),
});
/** See `unfinished`. */
export type Unfinished = z.infer<typeof unfinished>;

/**
 * Returns the unfinished operation of a checkout; undefined when there is none. A merge with all conflicts resolved
 * does not count, since only its commit is missing, nor does a bisect, which makes no commits.
 */
export async function readUnfinished(git: Git): Promise<Unfinished | undefined> {
  const operation = operationUnderway(gitDirs(git.cwd).gitDir);
  // An unreadable index lists no conflicts.
  const { stdout } = await git.try(['ls-files', '--unmerged', '-z']);
  const entries = stdout.split('\0').filter(Boolean);
  const conflicts = [...new Set(entries.map((entry) => entry.slice(entry.indexOf('\t') + 1)))];
  const isWhole = operation === undefined || operation === 'merge' || operation === 'bisect';
  if (conflicts.length === 0 && isWhole) return undefined;
  return { operation, conflicts: Object.fromEntries(conflicts.map((path) => [path, null])) };
}

/**
 * Returns the parts of `known` that are still unfinished in the commit `head`, with the current state of their
 * files; undefined when nothing is. A file that changed after it was saved counts as resolved; the operation counts
 * as completed once there is another commit.
 */
export async function stillUnfinished(
  git: Git,
  known: Unfinished,
  head: string,
): Promise<Unfinished | undefined> {
  const left: Record<string, string | null> = {};
  for (const [path, saved] of Object.entries(known.conflicts)) {
    const now = await blobAt(git, head, path);
    if (known.head === undefined || saved === now) left[path] = now;
  }
  const operation = known.head === undefined || known.head === head ? known.operation : undefined;
  if (operation === undefined && Object.keys(left).length === 0) return undefined;
  return { operation, conflicts: left, head: known.head ?? head };
}

async function blobAt(git: Git, commit: string, path: string): Promise<string | null> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}:${path}`];
  const { exitCode, stdout } = await git.try(args);
  return exitCode === 0 ? stdout : null;
}

/** Describes an unfinished operation for a caveat. */
export function unfinishedText({ operation, conflicts }: Unfinished): string {
  const paths = Object.keys(conflicts);
  const what = withArticle(operation ?? 'merge');
  return `${what} was left unfinished${paths.length === 0 ? '' : `, with conflicts in ${listed(paths)}`}`;
}

/** A file with conflict markers, and the line of the first one. */
export interface ConflictMarker {
  readonly path: string;
  readonly line: number;
}

/**
 * Matches the first or last line of a conflict. A line of only `=======` does not count, since it may underline a
 * heading.
 */
const MARK = '^(<{7}|>{7})([[:space:]]|$)';
/** Larger files are not read, since nobody merges them by hand. */
const MAX_READ_BYTES = 5 * 1024 * 1024;
/** Maximum length of the paths in one call, in characters. */
const MAX_ARGUMENTS = 60_000;

/**
 * Returns the `paths` with more conflict markers in `head` (in the folder, when `head` is undefined) than in
 * `base`. Attributes and configuration of the repository cannot hide any.
 * @throws SubagentsError GIT
 */
export async function findConflictMarkers(
  git: Git,
  { base, head, paths }: { base: string; head: string | undefined; paths: readonly string[] },
): Promise<ConflictMarker[]> {
  if (base === head) return [];
  const now = await marksIn(git, head, paths);
  if (now.size === 0) return [];
  const before = await marksIn(git, base, [...now.keys()]);
  return [...now].flatMap(([path, lines]) =>
    lines.length > (before.get(path)?.length ?? 0) ? [{ path, line: lines[0] ?? 1 }] : [],
  );
}

/** Returns the line numbers of conflict markers, by path. */
async function marksIn(
  git: Git,
  commit: string | undefined,
  paths: readonly string[],
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const some of inChunks(paths)) {
    const readable = await ofReadableSize(git, commit, some);
    if (readable.length === 0) continue;
    const where = commit === undefined ? ['--untracked', '--no-exclude-standard'] : [];
    const grep = [
      'grep',
      '--no-color',
      '--no-column',
      '--full-name',
      '-a',
      '-n',
      '-z',
      '-o',
      '-E',
      ...where,
      '-e',
      MARK,
    ];
    const args = [
      '--literal-pathspecs',
      ...grep,
      ...(commit === undefined ? [] : [commit]),
      '--',
      ...readable,
    ];
    const { exitCode, stdout } = await git.try(args);
    // Exit code 1: no match.
    if (exitCode > 1) await git.run(args);
    for (const text of stdout.split('\n')) {
      const [name = '', line] = text.split('\0');
      if (line === undefined) continue;
      const path = commit === undefined ? name : name.slice(commit.length + 1);
      found.set(path, [...(found.get(path) ?? []), Number(line)]);
    }
  }
  return found;
}

/** Returns the paths that are files of readable size. */
async function ofReadableSize(
  git: Git,
  commit: string | undefined,
  paths: readonly string[],
): Promise<string[]> {
  if (commit === undefined) {
    const stats = paths.map((path) => ({
      path,
      stat: statIfThere(join(git.cwd, path)),
    }));
    return stats.flatMap(({ path, stat }) => (stat?.isFile() && stat.size <= MAX_READ_BYTES ? [path] : []));
  }
  const args = ['--literal-pathspecs', 'ls-tree', '-l', '-z', '--full-tree', commit, '--', ...paths];
  return (await git.run(args)).split('\0').flatMap((entry) => {
    const [, size, path] = /^\d+ blob \S+ +(\d+)\t([^]*)$/.exec(entry) ?? [];
    return path !== undefined && Number(size) <= MAX_READ_BYTES ? [path] : [];
  });
}

function* inChunks(paths: readonly string[]): Generator<string[]> {
  let [chunk, size]: [string[], number] = [[], 0];
  for (const path of paths) {
    if (size + path.length > MAX_ARGUMENTS && chunk.length > 0) {
      yield chunk;
      [chunk, size] = [[], 0];
    }
    chunk.push(path);
    size += path.length + 1;
  }
  if (chunk.length > 0) yield chunk;
}

/** Describes files with conflict markers for a caveat. */
export const conflictMarkersText = (marked: readonly ConflictMarker[]): string =>
  `conflict markers are in ${listed(marked.map(({ path, line }) => `${path}:${line}`))}`;

function listed(names: readonly string[]): string {
  const more = names.length > MAX_FILES ? ` and ${names.length - MAX_FILES} more` : '';
  return names.slice(0, MAX_FILES).join(', ') + more;
}
