/** The package caches that sandboxes of a home have: a folder for each repository. */
import { createHash } from 'node:crypto';
import { readdirSync, realpathSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { gitDirs } from '../git/git-dirs.ts';
import { wallsAround } from '../sandbox/place.ts';
import { ensurePrivateDir } from '../system/files.ts';
import { readRuns, type RunHome } from './run-record.ts';
import type { Settings } from './settings.ts';

/**
 * Returns the folder of caches of a new sandbox; `undefined`: it has none. Subagents of one repository share it, and no
 * others: what one of them puts there, the next ones run.
 * @param folder the one of the home for caches
 * @param caller the caller's repository
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function cachesFor(
  folder: string,
  caller: string,
  setting: Settings['sandboxCaches'],
): string | undefined {
  if (setting === 'off') return undefined;
  ensurePrivateDir(folder);
  const own = join(realpathSync(folder), repositoryName(gitDirs(caller).commonDir));
  ensurePrivateDir(own);
  // The time of the last use, for `unusedCaches`.
  utimesSync(own, new Date(), new Date());
  return own;
}

const repositoryName = (commonDir: string): string =>
  createHash('sha256').update(realpathSync(commonDir)).digest('hex').slice(0, 16);

/**
 * Returns the folders of caches that no sandbox of the home has any more, whether it runs or can be continued; none where that
 * cannot be known.
 */
export function unusedCaches(home: RunHome & { readonly paths: { readonly caches: string } }): string[] {
  const folder = realpathSync(home.paths.caches);
  try {
    const used = new Set(readRuns(home).map(({ cwd }) => wallsAround(cwd)?.caches));
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => !used.has(path));
  } catch {
    return [];
  }
}
