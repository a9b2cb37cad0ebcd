/**
 * Log files that cannot grow without bound, also those that another process has open: a file that is too large is copied to
 * `.1` and emptied. All writers append, so they go on at its new end.
 */
import { constants, copyFileSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { withDiskErrors } from './files.ts';

/** Size of a log at which its content is moved to `.1`, in bytes. */
export const MAX_LOG_BYTES = 10 * 1024 * 1024;
/** Milliseconds between two looks at the size. */
const LOOK_MS = 5_000;

/** Empties the log if it is too large; the content is kept in `<file>.1`, whose former content is dropped. Never throws. */
export function boundLog(file: string, maxBytes = MAX_LOG_BYTES): void {
  try {
    if (logSize(file) <= maxBytes) return;
    keepContent(file);
    truncateSync(file, 0);
  } catch {
    // It was removed meanwhile, or the file system has become read-only.
  }
}

/** Without space for both, or permission, the bound counts more than what is in the log. */
function keepContent(file: string): void {
  try {
    // A link in its place would be followed.
    rmSync(`${file}.1`, { force: true });
    copyFileSync(file, `${file}.1`, constants.COPYFILE_EXCL);
  } catch {
    // A part of it would pass for the whole.
    if (logSize(`${file}.1`) > 0) rmSync(`${file}.1`, { force: true });
  }
}

/** Bounds the logs from now on, until stopped. Does not keep the process alive. */
export function boundLogs(files: readonly string[], maxBytes = MAX_LOG_BYTES): { stop(): void } {
  const timer = setInterval(() => {
    for (const file of files) boundLog(file, maxBytes);
  }, LOOK_MS).unref();
  return { stop: () => clearInterval(timer) };
}

/**
 * Opens a log for appending, mode 0600, after bounding it.
 * @returns its descriptor, and its current size in bytes
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function openLog(file: string): { readonly fd: number; readonly start: number } {
  boundLog(file);
  let fd = -1;
  withDiskErrors(file, () => (fd = openSync(file, 'a', 0o600)));
  return { fd, start: logSize(file) };
}

/** Appends `text` to an open log. On a full disk the text is lost: that must not end a process. */
export function appendLog(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // Lost.
  }
}

/** The size of a log in bytes; 0 where there is none, or for a pipe or a terminal. */
export const logSize = (file: string): number => {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : 0;
};
