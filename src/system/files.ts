/** Private files: folders 0700, files 0600. Each write replaces the whole file or nothing. */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { devNull } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';

/**
 * Creates the folder `path` and its parents, accessible to this user only (existing parents keep their mode).
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function ensurePrivateDir(path: string): void {
  withDiskErrors(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (statSync(path).mode & 0o077) chmodSync(path, 0o700);
  });
}

/**
 * Writes `text` to `path`, mode 0600. Readers see the old or the new content, never a part, even after SIGKILL. Not
 * synced to disk: after a power failure the old content may be back.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function writePrivateFile(path: string, text: string): void {
  viaTemporaryFile(path, text, (draft) => renameSync(draft, path));
}

/**
 * Opens a new file at `path` for writing, mode 0600, and replaces whatever is there. Follows a link neither at `path` nor
 * in place of its folder, which is created if it is missing. @returns the file descriptor
 * @throws the system's error
 */
export function openNewPrivateFile(path: string): number {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!lstatSync(folder).isDirectory()) throw new Error(`${folder} is a symbolic link`);
  rmSync(path, { recursive: true, force: true });
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
}

/**
 * Like `writePrivateFile`, but only if the file does not exist: of several concurrent calls, one succeeds.
 * @param options.durable whether the content is on the disk before this returns
 * @returns whether this call made the file
 */
export function createPrivateFile(path: string, text: string, { durable = false } = {}): boolean {
  try {
    viaTemporaryFile(path, text, (draft) => {
      if (durable) syncToDisk(draft);
      linkSync(draft, path);
      unlinkSync(draft);
      if (durable) syncToDisk(dirname(path));
    });
    return true;
  } catch (error) {
    if (errorCode(error instanceof Error ? error.cause : error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Like `writePrivateFile`, but the new content is on the disk before this returns: a power failure does not bring the
 * old content back.
 */
export function writeDurableFile(path: string, text: string): void {
  viaTemporaryFile(path, text, (draft) => {
    syncToDisk(draft);
    renameSync(draft, path);
    syncToDisk(dirname(path));
  });
}

function syncToDisk(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function viaTemporaryFile(path: string, text: string, publish: (draft: string) => void): void {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.${drafts++}`);
  withDiskErrors(path, () => {
    try {
      // Removes the draft of an earlier process with the same pid; a link in its place is not followed.
      rmSync(draft, { force: true });
      writeFileSync(draft, text, { mode: 0o600, flag: 'wx' });
      publish(draft);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  });
}
let drafts = 0;

/** The largest file that is read whole unless its reader expects larger ones, in bytes. */
const MAX_FOREIGN_BYTES = 16 * 1024 * 1024;

/**
 * The content of a file that somebody else may have made: opening a FIFO would wait for ever, a device has no end, and a file
 * without blocks can be of any size.
 * @param options.follow whether a link in its place is followed; default: yes
 * @throws the system's error; EINVAL if it is neither a file nor /dev/null, EFBIG if it is larger than `maxBytes`, ELOOP if it is
 * a link that is not followed
 */
export function readForeignFile(
  path: string,
  {
    maxBytes = MAX_FOREIGN_BYTES,
    follow = true,
  }: { readonly maxBytes?: number; readonly follow?: boolean } = {},
): Buffer {
  if (path === devNull) return Buffer.alloc(0);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW));
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) return readFileSync(fd);
    if (!stat.isFile()) throw refusal('EINVAL', `${path} is not a file`);
    if (stat.size > maxBytes) throw refusal('EFBIG', `${path} has ${stat.size} bytes`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The content of a file that somebody else may have made; empty if it cannot be read. */
export function readIfItCan(path: string): string {
  try {
    return readForeignFile(path, { follow: false }).toString();
  } catch {
    return '';
  }
}

const refusal = (code: string, message: string): Error =>
  Object.assign(new Error(`${code}: ${message}`), { code });

/**
 * Copies a file that somebody else may have made or exchanged: neither a link in its place nor one at `to` is followed.
 * @throws the system's error; EINVAL if it is no file, ELOOP if it is a link, EEXIST if something is at `to`
 */
export async function copyForeignFile(path: string, to: string): Promise<void> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const from = await open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  try {
    if (!(await from.stat()).isFile()) throw refusal('EINVAL', `${path} is not a file`);
    await writeAll(to, from);
  } finally {
    await from.close();
  }
}

async function writeAll(to: string, from: FileHandle): Promise<void> {
  const copy = await open(to, 'wx', 0o600);
  try {
    const piece = Buffer.alloc(COPIED_BYTES);
    for (;;) {
      const { bytesRead } = await from.read(piece, 0, piece.length);
      if (bytesRead === 0) return;
      await copy.appendFile(piece.subarray(0, bytesRead));
    }
  } finally {
    await copy.close();
  }
}
/** Bytes that are copied at a time. */
const COPIED_BYTES = 256 * 1024;

/** The content of `path`, or undefined if there is no such file. @throws like `readForeignFile` */
export function readIfThere(path: string): string | undefined {
  try {
    return readForeignFile(path).toString();
  } catch (error) {
    if (isNowhere(error)) return undefined;
    throw error;
  }
}

/**
 * Stats of the entry at `path` itself, without following a link; undefined if there is none, including when a parent
 * folder is missing or is a file. @throws the system's error if a parent folder may not be entered
 */
export function statIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isNowhere(error)) return undefined;
    throw error;
  }
}

const isNowhere = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');

/** The code of a system error, for example ENOENT. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Runs `write`, which writes to `path`, and explains its system errors.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function withDiskErrors(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const failure = systemFailure(error, path);
    if (failure !== undefined) throw failure;
    throw new SubagentsError('FILE_ACCESS', `cannot write ${path}: ${errorCode(error) ?? String(error)}`, {
      remedy: `make ${dirname(path)} a folder that you own and can write`,
      cause: error,
    });
  }
}

const OTHER_HOME = 'or use another home (--home, SUBAGENTS_HOME)';
/**
 * Refusals by the machine, by system error code: the reason and the remedy. None of them indicates a bug in the
 * program.
 */
const REFUSALS: Readonly<Record<string, (path: string) => readonly [why: string, remedy: string]>> = {
  EROFS: (path) => [
    'its file system is read-only',
    `make the file system of ${path} writable again (after a disk error, Linux makes it read-only: see \`dmesg\`), ${OTHER_HOME}`,
  ],
  EACCES: (path) => [
    'permission denied',
    `make ${dirname(path)} a folder that you own and can write, ${OTHER_HOME}`,
  ],
  EPERM: (path) => [
    'not permitted',
    `make ${dirname(path)} a folder that you own and can write, ${OTHER_HOME}`,
  ],
  EIO: (path) => ['the disk reports an I/O error', `check the disk that holds ${path}: see \`dmesg\``],
  ESTALE: (path) => [
    'the network file system lost the file handle',
    `mount the file system of ${path} again`,
  ],
  EMFILE: () => ['too many open files', 'raise the limit (`ulimit -n`), then run it again'],
  ENFILE: () => [
    'the machine has too many open files',
    'stop the program that has so many files open, then run it again',
  ],
  ENAMETOOLONG: () => ['the path is too long for the file system', 'use a shorter path'],
  ELOOP: (path) => ['its symbolic links form a loop', `replace ${dirname(path)} by a real folder`],
};

/**
 * Explains a system error: what failed, on which path, what to do. Undefined for other errors, and for codes that may
 * indicate a bug.
 * @param path what was to be written; default: the path in the error
 */
export function systemFailure(error: unknown, path?: string): SubagentsError | undefined {
  const code = errorCode(error);
  const where = path ?? pathOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new SubagentsError('DISK_FULL', `no space left to write ${where}`, {
      remedy: `free some space on the disk that holds ${dirname(where)}`,
      cause: error,
    });
  const refusal = code === undefined ? undefined : REFUSALS[code]?.(where);
  if (refusal === undefined) return undefined;
  const [why, remedy] = refusal;
  const { syscall = 'use' } = error as NodeJS.ErrnoException;
  const doing = path === undefined ? syscall : 'write';
  return new SubagentsError('FILE_ACCESS', `cannot ${doing} ${where}: ${code} (${why})`, {
    remedy,
    cause: error,
  });
}

function pathOf(error: unknown): string {
  const path = error instanceof Error && 'path' in error ? error.path : undefined;
  return typeof path === 'string' ? path : 'a file';
}

/** Replacement character that Node puts into a path for bytes that are not UTF-8. */
export const NOT_UTF8 = '\uFFFD';

/** The names in a folder; empty if it does not exist or may not be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
