/** Private files: folders 0700, files 0600, each replaced as a whole or not at all. */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';

/**
 * Makes `path` and the folders above it, readable by this user alone (folders that exist above it keep their mode).
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function ensurePrivateDir(path: string): void {
  withDiskErrors(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (statSync(path).mode & 0o077) chmodSync(path, 0o700);
  });
}

/**
 * Writes `text` to `path`, mode 0600: a reader sees the old content or the new, never a part, also after SIGKILL.
 * Not synced to the disk: after a power failure the old content may be back.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function writePrivateFile(path: string, text: string): void {
  viaDraft(path, text, (draft) => renameSync(draft, path));
}

/** Like `writePrivateFile`, for a file that is not there yet: of several that try, one succeeds. @returns whether we did */
export function createPrivateFile(path: string, text: string): boolean {
  try {
    viaDraft(path, text, (draft) => {
      linkSync(draft, path);
      unlinkSync(draft);
    });
    return true;
  } catch (error) {
    if (errorCode(error instanceof Error ? error.cause : error) === 'EEXIST') return false;
    throw error;
  }
}

function viaDraft(path: string, text: string, publish: (draft: string) => void): void {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.${drafts++}`);
  withDiskErrors(path, () => {
    try {
      // What a process of the same number has left goes; a link there is not followed.
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

/** The content of `path`, or undefined when there is no such file. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isNowhere(error)) return undefined;
    throw error;
  }
}

/**
 * What lies at `path`, a link as such; undefined where nothing does, also because a file or nothing has taken the place of a folder
 * on the way. @throws the system's error when a folder on the way may not be entered
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

/** Runs `write`, which writes to `path`, and explains its system errors. @throws SubagentsError DISK_FULL, FILE_ACCESS */
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
/** What the machine refuses, by system error code: why, and what to do. They are nobody's mistake in the program. */
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
  EIO: (path) => ['the disk reports an error', `check the disk that holds ${path}: see \`dmesg\``],
  ESTALE: (path) => ['its network file system has lost it', `mount the file system of ${path} again`],
  EMFILE: () => ['too many open files', 'raise the limit (`ulimit -n`), and run it again'],
  ENFILE: () => ['the machine has too many open files', 'end what has so many files open, and run it again'],
  ENAMETOOLONG: () => ['the path is too long for the file system', 'use a shorter path'],
  ELOOP: (path) => [
    'its symbolic links go round in circles',
    `put a real folder in the place of ${dirname(path)}`,
  ],
};

/**
 * A system error in words: what failed, on what, what to do. Undefined for what is none, or may well be a mistake of the program.
 * @param path what was to be written; default: what the error names
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

/** Stands in a path, as Node reads it, for bytes of a name that are no UTF-8. */
export const NOT_UTF8 = '\uFFFD';

/** The names in a folder; none where it is not there or may not be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
