/** How much space a disk has left. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Bytes that an ordinary user can still write below `path`; of the nearest folder that is there. */
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

/** The figure for people, in whole megabytes. */
export const megabytes = (bytes: number): string => `${Math.floor(bytes / 1_000_000)} MB`;
