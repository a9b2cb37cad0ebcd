/** A lock of the operating system on a file (flock(2)), which Node has no call for: it holds across PID namespaces, and SIGKILL frees it. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { withDiskErrors } from './files.ts';

/** The program's exit code where another has the lock (flock(1)); every other one says that it could not try. */
const TAKEN = 1;

/** What came of an attempt. */
export type OsLock =
  | { readonly state: 'held'; release(): void }
  | { readonly state: 'taken' }
  /** The program `flock` is missing (macOS), or the file system has no locks: nothing is known. */
  | { readonly state: 'unavailable' };

/**
 * Locks the file at `path`, made when absent, without waiting. The file is never removed: a lock on a removed file protects nothing.
 * The lock belongs to the open file, which `flock` inherits and this process keeps: it lasts as long as this process has it open.
 * @throws SubagentsError DISK_FULL, INTERNAL when the file cannot be opened
 */
export async function lockFile(path: string): Promise<OsLock> {
  let fd = -1;
  withDiskErrors(path, () => (fd = openSync(path, 'a+', 0o600)));
  const exitCode = await flock(fd);
  if (exitCode === 0) return { state: 'held', release: () => closeSync(fd) };
  closeSync(fd);
  return { state: exitCode === TAKEN ? 'taken' : 'unavailable' };
}

/** The exit code of `flock -n` on the open file; undefined where it cannot be run. */
async function flock(fd: number): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => resolve(code ?? undefined));
  });
}
