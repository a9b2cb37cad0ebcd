import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripControls } from '../../contract/text/text.ts';
import { workerLog, type HomeView } from '../../home/home.ts';
import { logSize } from '../../system/bounded-log.ts';
import type { UpPart } from './events.ts';

/** The log files of `up` (in the background) and its parts. */
export function logFiles({ paths }: Pick<HomeView, 'paths'>): Readonly<Record<UpPart | 'up', string>> {
  const { logs } = paths;
  return { up: join(logs, 'up.log'), server: join(logs, 'server.log'), worker: workerLog(paths) };
}

/** The last lines of a log, without control characters. @param start where to begin, in bytes */
export function lastLines(file: string, start = 0, count = 8): string[] {
  const size = logSize(file);
  // Smaller than at the start: it was emptied meanwhile.
  const text =
    size === 0
      ? ''
      : readFileSync(file)
          .subarray(size < start ? 0 : start)
          .toString();
  return stripControls(text).trim().split('\n').filter(Boolean).slice(-count);
}
