/** What lies between two commits, or between a commit and the folder. */
import { tryGit, git } from './run.ts';

export interface ChangedFile {
  readonly path: string;
  /** Where it was before, when it was renamed. */
  readonly from?: string;
  /** Lines; 0 for binary files. */
  readonly insertions: number;
  readonly deletions: number;
}

/** Neither programs that the repository names, nor the user's preferences, shape what we read. */
export const PLAIN = ['--no-ext-diff', '--no-textconv', '--no-color', '--ignore-submodules=dirty'];

/**
 * Files that differ between `base` and `head`, or between `base` and the tracked files of the folder.
 * @throws SubagentsError GIT
 */
export async function changedFiles(cwd: string, base: string, head?: string): Promise<ChangedFile[]> {
  if (base === head) return [];
  const args = [
    'diff',
    '--numstat',
    '-z',
    '--find-renames',
    ...PLAIN,
    base,
    ...(head === undefined ? [] : [head]),
    '--',
  ];
  const items = (await git(args, { cwd })).split('\0');
  const files: ChangedFile[] = [];
  // "ins TAB del TAB path", or for a rename "ins TAB del TAB", then both paths as items of their own.
  for (let at = 0; at < items.length - 1; at++) {
    const [insertions = '', deletions = '', ...rest] = (items[at] ?? '').split('\t');
    const lines = { insertions: Number(insertions) || 0, deletions: Number(deletions) || 0 };
    const path = rest.join('\t');
    if (path !== '') files.push({ path, ...lines });
    else files.push({ from: items[++at] ?? '', path: items[++at] ?? '', ...lines });
  }
  return files;
}

export interface Commit {
  readonly sha: string;
  readonly subject: string;
}

/** Commits of `head` that `base` does not have, newest first. @throws SubagentsError GIT */
export async function commitsBetween(cwd: string, base: string, head: string): Promise<Commit[]> {
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
  return (await git(args, { cwd }))
    .split('\0')
    .filter((item) => item !== '')
    .map((item) => ({ sha: item.slice(0, item.indexOf(' ')), subject: item.slice(item.indexOf(' ') + 1) }));
}

/** The content of a file in a commit; undefined when it has no such file. */
export async function fileAt(cwd: string, commit: string, path: string): Promise<string | undefined> {
  const { exitCode, stdout } = await tryGit(['cat-file', 'blob', `${commit}:${path}`], { cwd });
  return exitCode === 0 ? stdout : undefined;
}
