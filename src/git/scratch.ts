/** Temporary files of git calls. */
import { wallsAround } from '../sandbox/place.ts';
import { withScratch } from '../system/scratch-folder.ts';
import type { Git } from './git.ts';

/**
 * Runs `work` with an empty folder for files that calls of `git` read or write, and removes it afterwards. In a sandbox it is one
 * that all calls of the worker there may change.
 * @throws the system's error
 */
export const withGitScratch = <T>(git: Git, work: (folder: string) => Promise<T>): Promise<T> =>
  withScratch(work, wallsAround(git.cwd)?.ofWorker?.scratch);
