/** Free disk space. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Bytes that an ordinary user can still write below `path`; measured at the nearest folder that exists. */
export function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(path);
    if (parent === path) throw error;
    return freeBytes(parent);
  }
}

/** The size for people, in whole megabytes. */
export const megabytes = (bytes: number): string => `${Math.floor(bytes / 1_000_000)} MB`;
