/** The status of a checkout, path by path. Names may contain any character, even newlines. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Git } from '../git.ts';
import { statIfThere } from '../../system/files.ts';

/** Larger files are compared by size and time instead of by content. */
const MAX_HASHED_BYTES = 64 * 1024 * 1024;

/** The status of a checkout. */
export interface CheckoutStatus {
  /** The commit that HEAD is at; undefined before the first one. */
  readonly head: string | undefined;
  /** The branch that is checked out, for example `main`; undefined when detached. */
  readonly branch: string | undefined;
  /** Tracked files that differ from HEAD, staged or not. */
  readonly changed: readonly ChangedPath[];
  /** Untracked files that are not ignored. A nested repository is one entry that ends in `/`. */
  readonly untracked: readonly string[];
  /** Ignored paths, when requested: the paths that match a pattern. Wholly ignored folders end in `/`. */
  readonly ignored: readonly string[];
}

interface ChangedPath {
  readonly path: string;
  /** The state in the index and in the folder, as `git status` prints it, for example `.M`. */
  readonly state: string;
  /** Whether a merge left the path in conflict. */
  readonly unmerged: boolean;
  /** A submodule with changes of its own, which no commit of this repository can contain. */
  readonly dirtySubmodule: boolean;
}

/** Reads the status of a checkout. @throws SubagentsError GIT */
export async function checkoutStatus(git: Git): Promise<CheckoutStatus> {
  return parseStatus(await git.run(STATUS));
}

/** The arguments of the status call whose output `parseStatus` reads. */
export const STATUS: readonly string[] = [
  ...['status', '--porcelain=v2', '--branch', '-z', '--no-renames'],
  ...['--untracked-files=all', '--ignore-submodules=none'],
];

/** Parses the output of `STATUS`. */
export function parseStatus(stdout: string): CheckoutStatus {
  const items = stdout.split('\0');
  const header = (name: string): string | undefined =>
    items.find((item) => item.startsWith(`# branch.${name} `))?.slice(`# branch.${name} `.length);
  const head = header('oid');
  const branch = header('head');
  return {
    head: head === '(initial)' ? undefined : head,
    branch: branch === '(detached)' ? undefined : branch,
    changed: items.filter((item) => /^[1u] /.test(item)).map(changedPath),
    untracked: items.filter((item) => item.startsWith('? ')).map((item) => item.slice(2)),
    ignored: items.filter((item) => item.startsWith('! ')).map((item) => item.slice(2)),
  };
}

/**
 * Returns untracked files that are not ignored; a folder with only untracked files is one entry that ends in `/`.
 * @throws SubagentsError GIT
 */
export async function untrackedFolders(git: Git): Promise<string[]> {
  const args = ['ls-files', '--others', '--directory', '--exclude-standard', '-z'];
  return (await git.run(args)).split('\0').filter((path) => path !== '');
}

function changedPath(item: string): ChangedPath {
  // "1 XY sub mH mI mW hH hI path", "u XY sub m1 m2 m3 mW h1 h2 h3 path"; only the path may contain spaces.
  const unmerged = item.startsWith('u');
  const fields = item.split(' ');
  return {
    path: fields.slice(unmerged ? 10 : 8).join(' '),
    state: fields[1] ?? '',
    unmerged,
    dirtySubmodule: /^S.(M.|.U)$/.test(fields[2] ?? ''),
  };
}

/** Returns hashes of all changed files, by path; equal fingerprints mean that nothing changed in between. */
export function changedFileHashes(cwd: string, { changed }: CheckoutStatus): ReadonlyMap<string, string> {
  return new Map(changed.map(({ path, state }) => [path, `${state} ${contentHash(join(cwd, path))}`]));
}

/** Maximum number of files whose content is part of `checkoutState`; further ones count by name only. */
const MAX_HASHED_FILES = 1_000;

/**
 * Returns a short hash of a checkout's state: its commit, and the content of every changed or new file. Ignored
 * files do not count.
 * @throws SubagentsError GIT
 */
export async function checkoutState(git: Git): Promise<string> {
  const { head, changed, untracked } = await checkoutStatus(git);
  const paths = [
    ...changed.map(({ path, state }) => `${state} ${path}`),
    ...untracked.map((path) => `? ${path}`),
  ];
  const hash = createHash('sha256').update(`${head} ${paths.join('\0')}`);
  for (const path of [...changed.map((each) => each.path), ...untracked].slice(0, MAX_HASHED_FILES))
    hash.update(contentHash(join(git.cwd, path)));
  return hash.digest('base64');
}

/** Returns the paths whose entries differ between two fingerprints. */
export function differingPaths(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}

/** Returns a text that changes when the entry at `path` changes. */
export function contentHash(path: string): string {
  const stat = statIfThere(path);
  if (!stat) return 'absent';
  if (stat.isSymbolicLink()) return `link ${readlinkSync(path)}`;
  if (!stat.isFile()) return 'other';
  if (stat.size > MAX_HASHED_BYTES) return `${stat.mode} ${stat.size} ${stat.mtimeMs}`;
  return `${stat.mode} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
}
