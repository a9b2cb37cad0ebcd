/**
 * What commands of ours have left in a worktree: untracked files that are not the subagent's, for as long as they are as they
 * were left. What has been written to since is work like any other.
 */
import { readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { contentHash } from './status.ts';
import { statIfThere } from '../../system/files.ts';

/** Of a folder with more in it than this, nobody looks whether anything has changed. */
const MAX_WALKED = 20_000;
/** Files looked at in one go; in between, others have their turn. */
const AT_ONCE = 500;

/**
 * By path, what was left there: of a file its hash, of a folder (with a `/` at the end, and with all in it) when the last
 * change in it was. Null where that is not known.
 */
export const knownArtifacts = z.record(z.string(), z.string().nullable());
export type KnownArtifacts = Readonly<Record<string, string | null>>;

/** What lies at `paths` now. @param untracked as the status of the worktree `cwd` has it */
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

export interface ClassifiedUntracked {
  /** Untracked files that are as they were left. */
  readonly asLeft: ReadonlySet<string>;
  /** The entries that those fall under. */
  readonly entries: readonly string[];
  /** Untracked files in a folder of `entries` that have come or changed since. */
  readonly within: readonly string[];
}

/**
 * Tells which of the untracked files are as they were left.
 * @param unknown whether what is only known by name counts as such.
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
    if (was === null ? unknown : isAsLeft(cwd, path, entry, was)) {
      asLeft.add(path);
      entries.add(entry);
    } else if (entry !== path) within.push(path);
  }
  return {
    ...{ asLeft, entries: [...entries] },
    within: within.filter((path) => folders.some((folder) => path.startsWith(folder) && entries.has(folder))),
  };
}

function isAsLeft(cwd: string, path: string, entry: string, was: string): boolean {
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
    return null; // It may not be read.
  }
}

/** When the newest of what is untracked in the folder was changed. */
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

/** 0 where it is gone. */
function newestOf(path: string): number {
  return statIfThere(path)?.ctimeMs ?? 0;
}

/** Another link to a file changes its ctime too: of one that has several, only its content counts. */
const changedAt = ({ nlink, ctimeMs, mtimeMs }: Stats): number =>
  nlink > 1 ? Math.min(ctimeMs, mtimeMs) : ctimeMs;

/** When the newest of all that is in a folder was changed; undefined where that is too much to look at. */
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
      return undefined; // It may not be read, or goes while we look.
    }
  }
  return newest;
}
