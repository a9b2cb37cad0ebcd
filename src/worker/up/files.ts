import { openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { stripControls } from '../../contract/text/text.ts';
import type { HomeView } from '../../home/home.ts';
import type { UpPart } from './events.ts';

const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** The log files of `up` (in the background) and its parts. */
export function logFiles({ paths }: Pick<HomeView, 'paths'>): Readonly<Record<UpPart | 'up', string>> {
  const { logs } = paths;
  return { up: join(logs, 'up.log'), server: join(logs, 'server.log'), worker: join(logs, 'worker.log') };
}

/**
 * Opens a log for appending, mode 0600; a log over 10 MiB is first moved to `.1`.
 * @returns its descriptor, and its current size in bytes
 */
export function openLog(file: string): { readonly fd: number; readonly start: number } {
  if (sizeOf(file) > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  return { fd: openSync(file, 'a', 0o600), start: sizeOf(file) };
}

/** The last lines of a log, without control characters. @param start where to begin, in bytes */
export function lastLines(file: string, start = 0, count = 8): string[] {
  const text = sizeOf(file) > start ? readFileSync(file).subarray(start).toString() : '';
  return stripControls(text).trim().split('\n').filter(Boolean).slice(-count);
}

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
