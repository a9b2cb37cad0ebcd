/**
 * Tracks untracked files that our own commands left in a worktree. They are not the subagent's work as long as they
 * are unchanged; a file that was changed afterwards is.
 */
import { readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { contentHash } from './status.ts';
import { statIfThere } from '../../system/files.ts';

/** Folders with more entries than this are not checked for changes. */
const MAX_WALKED = 20_000;
/** Number of files checked before other tasks get their turn. */
const AT_ONCE = 500;

/**
 * The state of each path when it was left: a file's hash; for a folder (with a `/` at the end, including its
 * contents) the time of the newest change. Null when unknown.
 */
export const knownArtifacts = z.record(z.string(), z.string().nullable());
/** See `knownArtifacts`. */
export type KnownArtifacts = Readonly<Record<string, string | null>>;

/** Describes the current state of `paths`. @param untracked as in the status of the worktree `cwd` */
export async function describeArtifacts(
  cwd: string,
  paths: readonly string[],
  untracked: readonly string[],
): Promise<KnownArtifacts> {
  const found: [string, string | null][] = [];
  for (const path of paths) {
    await nextTurn();
    found.push([path, path.endsWith('/') ? await folderState(cwd, path, untracked) : fileState(cwd, path)]);
  }
  return Object.fromEntries(found);
}

/** Untracked files compared with their known states. */
export interface ClassifiedUntracked {
  /** Untracked files that are unchanged since they were left. */
  readonly unchanged: ReadonlySet<string>;
  /** The known paths that cover these files. */
  readonly entries: readonly string[];
  /** Untracked files in a folder of `entries` that are new or changed. */
  readonly within: readonly string[];
}

/**
 * Finds the untracked files that are unchanged since they were left.
 * @param unknown whether files whose state is unknown count as unchanged.
 */
export async function classifyUntracked(
  cwd: string,
  untracked: readonly string[],
  known: readonly KnownArtifacts[],
  unknown: boolean,
): Promise<ClassifiedUntracked> {
  const all = new Map(known.flatMap((each) => Object.entries(each)));
  const folders = [...all.keys()].filter((path) => path.endsWith('/'));
  const asLeft = new Set<string>();
  const entries = new Set<string>();
  const within: string[] = [];
  for (const [index, path] of untracked.entries()) {
    if (index % AT_ONCE === 0) await nextTurn();
    const entry = all.has(path) ? path : folders.find((folder) => path.startsWith(folder));
    if (entry === undefined) continue;
    const was = all.get(entry) ?? null;
    if (was === null ? unknown : isUnchanged(cwd, path, entry, was)) {
      asLeft.add(path);
      entries.add(entry);
    } else if (entry !== path) within.push(path);
  }
  return {
    unchanged: asLeft,
    entries: [...entries],
    within: within.filter((path) => folders.some((folder) => path.startsWith(folder) && entries.has(folder))),
  };
}

function isUnchanged(cwd: string, path: string, entry: string, was: string): boolean {
  if (!entry.endsWith('/')) return fileState(cwd, path) === was;
  const until = Number(was);
  if (path.endsWith('/')) return (newestBelow(join(cwd, path)) ?? Infinity) <= until;
  const stat = statIfThere(join(cwd, path));
  return stat === undefined || changedAt(stat) <= until;
}

function fileState(cwd: string, path: string): string | null {
  try {
    return contentHash(join(cwd, path));
  } catch {
    return null; // Unreadable.
  }
}

/** Returns the time of the newest change among the untracked files of the folder. */
async function folderState(
  cwd: string,
  folder: string,
  untracked: readonly string[],
): Promise<string | null> {
  let newest = 0;
  for (const [index, path] of untracked.entries()) {
    if (index % AT_ONCE === 0) await nextTurn();
    if (!path.startsWith(folder)) continue;
    const at = path.endsWith('/') ? newestBelow(join(cwd, path)) : newestOf(join(cwd, path));
    if (at === undefined) return null;
    newest = Math.max(newest, at);
  }
  return String(newest);
}

/** The change time of an entry; 0 when it is gone. */
function newestOf(path: string): number {
  return statIfThere(path)?.ctimeMs ?? 0;
}

/** A new hard link also updates a file's ctime, so files with several links are judged by mtime too. */
const changedAt = ({ nlink, ctimeMs, mtimeMs }: Stats): number =>
  nlink > 1 ? Math.min(ctimeMs, mtimeMs) : ctimeMs;

/** Returns the time of the newest change in a folder; undefined when the folder is too large or cannot be read. */
function newestBelow(folder: string): number | undefined {
  let [newest, count] = [0, 0];
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    try {
      newest = Math.max(newest, newestOf(at));
      for (const entry of readdirSync(at, { withFileTypes: true })) {
        if (++count > MAX_WALKED) return undefined;
        const path = join(at, entry.name);
        if (entry.isDirectory()) folders.push(path);
        else newest = Math.max(newest, newestOf(path));
      }
    } catch {
      return undefined; // Unreadable, or removed meanwhile.
    }
  }
  return newest;
}
