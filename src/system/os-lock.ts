/**
 * The operating system's lock on a file (flock(2)), for which Node has no call. It works across PID namespaces, and
 * SIGKILL releases it.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { withDiskErrors } from './files.ts';

/** Exit code of flock(1) when another process has the lock; any other failure means that it could not try. */
const TAKEN = 1;

/** The result of an attempt. */
export type OsLock =
  | { readonly state: 'held'; release(): void }
  | { readonly state: 'taken' }
  /** The program `flock` is missing (macOS), or the file system does not support locks. */
  | { readonly state: 'unavailable' };

/**
 * Locks the file at `path`, created if missing, without waiting. The file is never removed, because a lock on a removed
 * file protects nothing. The lock belongs to the open file, which `flock` inherits: it lasts as long as this process
 * keeps the file open.
 * @throws SubagentsError DISK_FULL, INTERNAL if the file cannot be opened
 */
export async function lockFile(path: string): Promise<OsLock> {
  let fd = -1;
  withDiskErrors(path, () => (fd = openSync(path, 'a+', 0o600)));
  const exitCode = await flock(fd);
  if (exitCode === 0) return { state: 'held', release: () => closeSync(fd) };
  closeSync(fd);
  return { state: exitCode === TAKEN ? 'taken' : 'unavailable' };
}

/** The exit code of `flock -n` on the open file; undefined if it cannot be run. */
async function flock(fd: number): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => resolve(code ?? undefined));
  });
}
