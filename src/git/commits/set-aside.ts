/**
 * Moves uncommitted work out of a worktree during verification, and brings it back. It is kept in a folder beside
 * the worktree; the list of paths is written first, so that a crash in between loses nothing.
 */
import { mkdirSync, readdirSync, realpathSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { NOT_UTF8, readIfThere, writePrivateFile, statIfThere } from '../../system/files.ts';

const list = z.object({
  paths: z.array(z.string()),
  /** By index of a path: its last name in Base64, when the name is not UTF-8. */
  names: z.record(z.string(), z.string()).default({}),
});

const folderOf = (cwd: string): string => `${cwd}.aside`;
const listOf = (cwd: string): string => join(folderOf(cwd), 'list.json');

/** Whether files of the worktree are set aside. */
export const hasSetAside = (cwd: string): boolean => statIfThere(folderOf(cwd))?.isDirectory() === true;

/** Reads the list of what is set aside of the worktree `cwd`. @throws Error when the list cannot be read */
function readList(cwd: string): z.infer<typeof list> {
  const text = hasSetAside(cwd) ? readIfThere(listOf(cwd)) : undefined;
  return list.parse(text === undefined ? { paths: [] } : JSON.parse(text));
}

/**
 * Moves `paths` out of the worktree `cwd`, and removes folders that become empty.
 * @param paths from the worktree's root; none may be inside another.
 * @throws the system's error when a path cannot be moved; earlier paths are then set aside already
 */
export function setAside(cwd: string, paths: readonly string[]): void {
  const there = paths.flatMap((path) => entriesAt(cwd, path)).filter(({ path }) => isWithin(cwd, path));
  // Several paths may denote the same file when its name is not UTF-8.
  const once = [...new Map(there.map((one) => [`${one.path}\0${one.name ?? ''}`, one])).values()];
  if (once.length === 0) return;
  // Paths that could not be brought back earlier are still on the list.
  const before = readList(cwd);
  if (!hasSetAside(cwd)) {
    rmSync(folderOf(cwd), { force: true });
    mkdirSync(folderOf(cwd), { mode: 0o700 });
  }
  const first = before.paths.length;
  const names = once.flatMap(({ name }, index) =>
    name === undefined ? [] : [[String(first + index), name]],
  );
  const all = [...before.paths, ...once.map(({ path }) => path)];
  writePrivateFile(
    listOf(cwd),
    JSON.stringify({ paths: all, names: { ...before.names, ...(Object.fromEntries(names) as object) } }),
  );
  for (const [index, { path, name }] of once.entries()) {
    renameSync(originalPath(cwd, path, name), join(folderOf(cwd), String(first + index)));
    removeEmptied(cwd, path);
  }
}

interface ListedEntry {
  readonly path: string;
  /** The last name of the path, in Base64, when it is not UTF-8. */
  readonly name?: string;
}

const originalPath = (cwd: string, path: string, name?: string): string | Buffer =>
  name === undefined
    ? join(cwd, path)
    : Buffer.concat([Buffer.from(`${join(cwd, dirname(path))}/`), Buffer.from(name, 'base64')]);

/**
 * Returns the entry at `path`. When a name in the path is not UTF-8, returns all entries that it may denote, up to
 * that name.
 */
function entriesAt(cwd: string, path: string): ListedEntry[] {
  if (exists(join(cwd, path))) return [{ path }];
  const names = path.split('/');
  const at = names.findIndex((name) => name.includes(NOT_UTF8));
  if (at < 0) return [];
  const upTo = names.slice(0, at + 1).join('/');
  const folder = join(cwd, dirname(upTo));
  if (!exists(folder)) return [];
  return readdirSync(folder, { encoding: 'buffer' })
    .filter((name) => name.toString() === names[at])
    .map((name) => ({ path: upTo, name: name.toString('base64') }));
}

/** A path that could not be brought back into the worktree. */
export interface RestoreFailure {
  readonly path: string;
  /** The reason and the current location: `could not be brought back …`. */
  readonly reason: string;
}

/** Formats a note for the outcome. */
export const restoreFailureNote = ({ path, reason }: RestoreFailure): string => `${path} ${reason}`;

/**
 * Brings back what was set aside, and replaces entries that appeared in those places meanwhile.
 * @returns the paths that could not be brought back; they stay set aside
 */
export function restoreSetAside(cwd: string): RestoreFailure[] {
  if (!hasSetAside(cwd)) return [];
  const left: RestoreFailure[] = [];
  const { paths, names } = readList(cwd);
  for (const [index, path] of paths.entries()) {
    const aside = join(folderOf(cwd), String(index));
    if (!exists(aside)) continue;
    const why = restorePath(cwd, path, aside, names[index]);
    if (why !== undefined)
      left.push({ path, reason: `could not be moved back into the worktree (${why}): it is now ${aside}` });
  }
  if (left.length === 0) rmSync(folderOf(cwd), { recursive: true, force: true });
  return left;
}

function restorePath(cwd: string, path: string, aside: string, name?: string): string | undefined {
  try {
    const target = originalPath(cwd, path, name);
    mkdirSync(join(cwd, dirname(path)), { recursive: true });
    if (!isWithin(cwd, path)) return 'a symbolic link there points outside the worktree';
    rmSync(target, { recursive: true, force: true });
    renameSync(aside, target);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const exists = (path: string): boolean => statIfThere(path) !== undefined;

/** Whether the parent folder of `path` is inside the worktree, with no link on the way. */
function isWithin(cwd: string, path: string): boolean {
  try {
    return (
      realpathSync(dirname(join(cwd, path))) ===
      join(realpathSync(cwd), dirname(path), '.').replace(/\/\.?$/, '')
    );
  } catch {
    return false;
  }
}

/** Removes parent folders that became empty, since a checkout has no empty folders. */
function removeEmptied(cwd: string, path: string): void {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    if (readdirSync(join(cwd, folder)).length > 0) return;
    rmdirSync(join(cwd, folder));
  }
}
