/** Private files: folders 0700, files 0600, each replaced as a whole or not at all. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';

/**
 * Makes `path` and the folders above it, readable by this user alone (folders that exist above it keep their mode).
 * @throws SubagentsError DISK_FULL, INTERNAL
 */
export function ensurePrivateDir(path: string): void {
  explained(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (statSync(path).mode & 0o077) chmodSync(path, 0o700);
  });
}

/**
 * Writes `text` to `path`, mode 0600: a reader sees the old content or the new, never a part, also after SIGKILL.
 * Not synced to the disk: after a power failure the old content may be back.
 * @throws SubagentsError DISK_FULL, INTERNAL
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
  explained(path, () => {
    try {
      writeFileSync(draft, text, { mode: 0o600 });
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
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The code of a system error, for example ENOENT. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Runs `write`, which writes to `path`, and explains its system errors. @throws SubagentsError DISK_FULL, INTERNAL */
export function explained(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new SubagentsError('DISK_FULL', `no space left to write ${path}`, {
        remedy: `free some space on the disk that holds ${dirname(path)}`,
        cause: error,
      });
    throw new SubagentsError('INTERNAL', `cannot write ${path}: ${code ?? String(error)}`, {
      remedy: `make ${dirname(path)} a folder that you own and can write`,
      cause: error,
    });
  }
}
