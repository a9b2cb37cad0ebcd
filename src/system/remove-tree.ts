/**
 * Removes folders with their contents: links are not followed, mounts not entered, and read-only folders of this user
 * removed too.
 */
import { accessSync, constants, existsSync, lstatSync, readFileSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './files.ts';

/** The owner can read, write and search the folder. */
const OPEN = 0o700;

/** What prevents the removal of a tree. */
export interface TreeSurvey {
  /** Why the tree cannot be removed completely; undefined if no obstacle is known. */
  readonly stuck: string | undefined;
  /** A folder that may not be read. */
  readonly closed: string | undefined;
}

/**
 * Checks the folders of the tree at `path` without changes. @throws the system's error, except for missing permissions
 */
export async function surveyTree(path: string): Promise<TreeSurvey> {
  let [stuck] = mountsWithin(path).map((mount) => `${mount} is mounted there`);
  let closed: string | undefined;
  await eachFolder(path, (folder) => {
    if (!isOwn(folder) && !may(folder, constants.W_OK | constants.X_OK))
      stuck ??= `${folder} belongs to another user`;
    if (!isReadable(folder)) closed ??= folder;
    return Promise.resolve();
  });
  return { stuck, closed };
}

/** Removes the tree. @throws the system's error if something remains; the rest may be gone by then */
export async function removeTree(path: string): Promise<void> {
  const [mount] = mountsWithin(path);
  if (mount !== undefined) throw Object.assign(new Error(`${mount} is mounted there`), { syscall: 'rm' });
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
  try {
    await remove();
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY'].includes(errorCode(error) ?? '')) throw error;
    await eachFolder(path, async (folder) => {
      const { mode } = lstatSync(folder);
      if (isOwn(folder) && (mode & OPEN) !== OPEN) await chmod(folder, (mode & 0o777) | OPEN);
    });
    await remove();
  }
}

/** Calls `look` for each folder of the tree, parents first. Folders inside an unreadable one are skipped. */
async function eachFolder(path: string, look: (folder: string) => Promise<void>): Promise<void> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const folders = [path];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    await look(at);
    try {
      for (const entry of await readdir(at, { withFileTypes: true }))
        if (entry.isDirectory()) folders.push(join(at, entry.name));
    } catch (error) {
      if (!['EACCES', 'EPERM', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
    }
  }
}

const isOwn = (folder: string): boolean => {
  const user = process.geteuid?.();
  return user === undefined || user === 0 || lstatSync(folder).uid === user;
};

/** Whether the process's current user may read the folder. */
function isReadable(folder: string): boolean {
  if (process.geteuid?.() === 0) return true;
  if (isOwn(folder)) return (lstatSync(folder).mode & 0o500) === 0o500;
  return may(folder, constants.R_OK | constants.X_OK);
}

function may(folder: string, what: number): boolean {
  try {
    accessSync(folder, what);
    return true;
  } catch {
    return false;
  }
}

/** Mount points at `path` or below it; known on Linux only. */
function mountsWithin(path: string): string[] {
  const table = '/proc/self/mountinfo';
  if (!existsSync(table)) return [];
  return readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))),
    )
    .filter((point) => point === path || point.startsWith(`${path}/`));
}
