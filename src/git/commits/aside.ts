/**
 * Putting work that no commit has out of a worktree while it is verified, and bringing it back. It lies in a folder beside
 * the worktree, with a list that is written first: a crash in between loses nothing.
 */
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { NOT_UTF8, readIfThere, writePrivateFile, statIfThere } from '../../system/files.ts';

const list = z.object({
  paths: z.array(z.string()),
  /** By the number of a path: its last name in Base 64, where that is no UTF-8. */
  names: z.record(z.string(), z.string()).default({}),
});

const folderOf = (cwd: string): string => `${cwd}.aside`;
const listOf = (cwd: string): string => join(folderOf(cwd), 'list.json');

/** Whether something of the worktree is put aside. */
export const isAside = (cwd: string): boolean => existsSync(folderOf(cwd));

/**
 * Moves `paths` out of the worktree `cwd`, with folders that are empty then. Nothing may be put aside already.
 * @param paths from its root; none lies within another.
 * @throws the system's error when one cannot be moved: then some may be aside
 */
export function setAside(cwd: string, paths: readonly string[]): void {
  const there = paths.flatMap((path) => thatLie(cwd, path)).filter(({ path }) => isWithin(cwd, path));
  // Several paths may mean one file whose name is no UTF-8.
  const once = [...new Map(there.map((one) => [`${one.path}\0${one.name ?? ''}`, one])).values()];
  if (once.length === 0) return;
  mkdirSync(folderOf(cwd), { mode: 0o700 });
  const names = once.flatMap(({ name }, index) => (name === undefined ? [] : [[String(index), name]]));
  const text = { paths: once.map(({ path }) => path), names: Object.fromEntries(names) as object };
  writePrivateFile(listOf(cwd), JSON.stringify(text));
  for (const [index, { path, name }] of once.entries()) {
    renameSync(placeOf(cwd, path, name), join(folderOf(cwd), String(index)));
    removeEmptied(cwd, path);
  }
}

interface Lying {
  readonly path: string;
  /** Its last name, where that is no UTF-8. */
  readonly name?: string;
}

const placeOf = (cwd: string, path: string, name?: string): string | Buffer =>
  name === undefined
    ? join(cwd, path)
    : Buffer.concat([Buffer.from(`${join(cwd, dirname(path))}/`), Buffer.from(name, 'base64')]);

/** What lies at `path`; where a name in it is no UTF-8, all that it may mean, up to that name. */
function thatLie(cwd: string, path: string): Lying[] {
  if (lies(join(cwd, path))) return [{ path }];
  const names = path.split('/');
  const at = names.findIndex((name) => name.includes(NOT_UTF8));
  if (at < 0) return [];
  const upTo = names.slice(0, at + 1).join('/');
  const folder = join(cwd, dirname(upTo));
  if (!lies(folder)) return [];
  return readdirSync(folder, { encoding: 'buffer' })
    .filter((name) => name.toString() === names[at])
    .map((name) => ({ path: upTo, name: name.toString('base64') }));
}

/**
 * Brings back what is put aside, in the place of what lies there now: that came while it was away.
 * @returns what could not be brought back, with where it is; in words
 */
export function bringBack(cwd: string): string[] {
  if (!isAside(cwd)) return [];
  const text = readIfThere(listOf(cwd));
  const notes: string[] = [];
  const { paths, names } = list.parse(text === undefined ? { paths: [] } : JSON.parse(text));
  for (const [index, path] of paths.entries()) {
    const aside = join(folderOf(cwd), String(index));
    if (!lies(aside)) continue;
    const why = putInPlace(cwd, path, aside, names[index]);
    if (why !== undefined)
      notes.push(`${path} could not be brought back into the worktree (${why}): it is ${aside}`);
  }
  if (notes.length === 0) rmSync(folderOf(cwd), { recursive: true, force: true });
  return notes;
}

function putInPlace(cwd: string, path: string, aside: string, name?: string): string | undefined {
  try {
    const target = placeOf(cwd, path, name);
    mkdirSync(join(cwd, dirname(path)), { recursive: true });
    if (!isWithin(cwd, path)) return 'a link leads out of the worktree there';
    rmSync(target, { recursive: true, force: true });
    renameSync(aside, target);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const lies = (path: string): boolean => statIfThere(path) !== undefined;

/** Whether the folder that `path` is in is one of the worktree, and no link leads out of it on the way. */
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

/** A checkout has no empty folders. */
function removeEmptied(cwd: string, path: string): void {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    if (readdirSync(join(cwd, folder)).length > 0) return;
    rmdirSync(join(cwd, folder));
  }
}
