/** Changes between two commits, or between a commit and the folder. */

import { join } from 'node:path';
import type { Git } from '../git.ts';
import { withNewFiles } from '../commits/scratch-index.ts';
import { statIfThere } from '../../system/files.ts';

/** A changed file and its number of changed lines. */
export interface ChangedFile {
  readonly path: string;
  /** The earlier path of a renamed file. */
  readonly from?: string;
  /** Added lines; 0 for binary files. */
  readonly insertions: number;
  readonly deletions: number;
}

/** Options that keep programs named by the repository, and the user's preferences, from affecting the output. */
export const PLAIN_DIFF = ['--no-ext-diff', '--no-textconv', '--no-color', '--ignore-submodules=dirty'];

/** Larger new files are not read; they count as changed without lines. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

/** Returns files that differ between two commits. @throws SubagentsError GIT */
export async function changedFiles(git: Git, base: string, head: string): Promise<ChangedFile[]> {
  return base === head ? [] : readNumbers([base, head], git);
}

/**
 * Returns files that differ between `base` and the folder, including new files.
 * @param untracked new files; a nested repository, which ends in `/`, counts as a file without lines.
 * @throws SubagentsError GIT
 */
export async function changedInFolder(
  git: Git,
  base: string,
  untracked: readonly string[],
): Promise<ChangedFile[]> {
  const read = untracked.filter((path) => {
    const stat = statIfThere(join(git.cwd, path));
    return !path.endsWith('/') && stat !== undefined && stat.size <= MAX_READ_BYTES;
  });
  const files = await withNewFiles(git, (env) => readNumbers([base], git.with({ env })), read);
  const found = new Set(files.map(({ path }) => path));
  const others = untracked.filter((path) => !found.has(path));
  return [...files, ...others.map((path) => ({ path, insertions: 0, deletions: 0 }))];
}

async function readNumbers(between: readonly string[], git: Git): Promise<ChangedFile[]> {
  const args = ['diff', '--numstat', '-z', '--find-renames', ...PLAIN_DIFF, ...between, '--'];
  const items = (await git.run(args)).split('\0');
  const files: ChangedFile[] = [];
  // "ins TAB del TAB path", or for a rename "ins TAB del TAB" followed by both paths as separate items.
  for (let at = 0; at < items.length - 1; at++) {
    const [insertions = '', deletions = '', ...rest] = (items[at] ?? '').split('\t');
    const lines = { insertions: Number(insertions) || 0, deletions: Number(deletions) || 0 };
    const path = rest.join('\t');
    if (path !== '') files.push({ path, ...lines });
    else files.push({ from: items[++at] ?? '', path: items[++at] ?? '', ...lines });
  }
  return files;
}

/** A commit and its subject. */
export interface Commit {
  readonly sha: string;
  readonly subject: string;
}

/** Returns the commits of `head` that `base` does not have, newest first. @throws SubagentsError GIT */
export async function commitsBetween(git: Git, base: string, head: string): Promise<Commit[]> {
  if (base === head) return [];
  const args = [
    'log',
    '-z',
    '--no-show-signature',
    '--encoding=UTF-8',
    '--format=%H %s',
    `${base}..${head}`,
    '--',
  ];
  return (await git.run(args))
    .split('\0')
    .filter((item) => item !== '')
    .map((item) => ({ sha: item.slice(0, item.indexOf(' ')), subject: item.slice(item.indexOf(' ') + 1) }));
}

/** Returns the content of a file in a commit; undefined when the commit has no such file. */
export async function fileAt(git: Git, commit: string, path: string): Promise<string | undefined> {
  const { exitCode, stdout } = await git.try(['cat-file', 'blob', `${commit}:${path}`]);
  return exitCode === 0 ? stdout : undefined;
}
