/**
 * Protects the place of a worktree in our home against commands that may have replaced it: checks that the path
 * contains the folder that was made for it, and moves that folder back when it can be found.
 */
import { chmodSync, existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { rename, rm, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { SubagentsError } from '../../contract/index.ts';
import { folderId } from '../../system/own-folder.ts';
import { namesIn, readForeignFile, statIfThere } from '../../system/files.ts';

/** Permissions for the owner to read, write and enter a folder. */
const OPEN = 0o700;

/** The path that holds a worktree's files while it is registered again. */
export const stagingPath = (cwd: string): string => `${cwd}.kept`;

/**
 * Returns the path of the `.git` file that a worktree's registration `admin` refers to; undefined when it cannot be
 * read, for example when the registration is incomplete.
 */
export function registeredAt(admin: string): string | undefined {
  try {
    return resolve(admin, readForeignFile(join(admin, 'gitdir')).toString().trimEnd());
  } catch {
    return undefined;
  }
}

/**
 * Checks that the parent folder of `cwd` is not reached through a symbolic link, which would lead out of our home.
 * @throws SubagentsError GIT
 */
export function requireOwnParents(cwd: string): void {
  const parent = dirname(cwd);
  if (existsSync(parent) && realpathSync(parent) !== parent) throw foreignFolderError(parent);
}

/** The error for a path that is not the folder we made. */
export function foreignFolderError(path: string): SubagentsError {
  return new SubagentsError(
    'GIT',
    `${path} is not the folder that was made for the subagent: nothing in it is changed`,
    {
      remedy: 'See what is there now (ls -ld), move it away, then continue the subagent.',
    },
  );
}

/**
 * Ensures that `cwd` is the folder that was made for it, or does not exist. A symbolic link is removed and its
 * target left alone; another folder, or a file, is moved aside; the folder itself is moved back when the link or
 * the registration leads to it.
 * @param admin the registration of the worktree.
 * @param known the id of its folder; when undefined, any folder is accepted.
 * @returns notes on what was found.
 * @throws SubagentsError GIT
 */
export async function ensureOwnFolder(
  { cwd }: { readonly cwd: string },
  admin: string,
  known: string | undefined,
): Promise<string[]> {
  requireOwnParents(cwd);
  const notes: string[] = [];
  const led: string[] = [];
  for (const path of [cwd, stagingPath(cwd)]) {
    const stat = statIfThere(path);
    if (stat === undefined) continue;
    if (stat.isSymbolicLink()) {
      const target = resolve(dirname(path), readlinkSync(path));
      await unlink(path);
      led.push(target);
      notes.push(
        `a symbolic link to ${target} had replaced the worktree: the link was removed, its target was not changed`,
      );
    } else if (!isOwn(path, admin, known)) {
      const aside = freeName(`${cwd}.left`);
      await rename(path, aside);
      const what = stat.isDirectory() ? 'another folder' : 'a file';
      notes.push(`${what} had replaced the worktree: it was moved to ${aside}`);
    } else if ((stat.mode & OPEN) !== OPEN) {
      chmodSync(path, (stat.mode & 0o777) | OPEN);
      notes.push('the folder of the worktree was not accessible: its permissions were restored');
    }
  }
  if (known === undefined || existsSync(cwd) || existsSync(stagingPath(cwd))) return notes;
  const registered = registeredAt(admin);
  if (registered !== undefined) led.push(dirname(registered));
  const found = led.find((path) => folderId(realOf(path)) === known);
  if (found === undefined) return notes;
  await rename(realOf(found), cwd);
  if (folderId(admin) !== undefined) {
    const registration = join(admin, 'gitdir');
    // A link in its place must not be followed.
    await rm(registration, { force: true });
    await writeFile(registration, `${join(cwd, '.git')}\n`, { flag: 'wx' });
  }
  return [...notes, `the worktree had been moved to ${found}; it was moved back`];
}

/** Returns a path that does not exist yet: `wanted`, or with a number appended. */
export function freeName(wanted: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}-${n}`;
    if (statIfThere(name) === undefined) return name;
  }
}

/**
 * Whether the folder is the worktree's. A copy that still has the link to the registration counts too: the subagent
 * made it, and it contains the subagent's work.
 */
function isOwn(path: string, admin: string, known: string | undefined): boolean {
  const id = folderId(path);
  if (id === undefined) return false;
  return known === undefined || id === known || linksTo(path, admin);
}

function linksTo(path: string, admin: string): boolean {
  try {
    const link = join(path, '.git');
    if (!lstatSync(link).isFile()) return false;
    return (
      resolve(
        path,
        readForeignFile(link)
          .toString()
          .replace(/^gitdir: /, '')
          .trimEnd(),
      ) === admin
    );
  } catch {
    return false;
  }
}

/**
 * Ensures that the worktree's registration is a folder named `admin`. A registration that was moved away, with or
 * without a link in its place, is moved back. Any other link is removed and its target left alone.
 * @returns notes on what was found.
 */
export async function ensureOwnRegistration(
  { cwd }: { readonly cwd: string },
  admin: string,
): Promise<string[]> {
  if (folderId(admin) !== undefined) return [];
  const beside = namesIn(dirname(admin)).map((name) => join(dirname(admin), name));
  const found = [realOf(admin), ...beside].find(
    (path) => path !== admin && folderId(path) !== undefined && registeredAt(path) === join(cwd, '.git'),
  );
  if (statIfThere(admin) !== undefined) await unlink(admin);
  if (found === undefined) return [];
  await rename(found, admin);
  return [`the registration of the worktree had been moved to ${found}; it was moved back`];
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
