/** What lies uncommitted in a worktree, as a commit. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unsaved } from '../../contract/index.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';
import { parseStatus, STATUS, type CheckoutStatus } from '../contents/status.ts';

export interface Leftovers {
  /** Everything in the folder, as a tree. */
  readonly tree: string;
  /** What the tree does not have. */
  readonly unsaved: readonly Unsaved[];
}

export interface LeftoversOf {
  readonly cwd: string;
  readonly status: CheckoutStatus;
  /** Files and folders that are left out. */
  readonly leaveOut?: readonly string[];
  /** Files in folders that are left out, which are to be in the tree all the same. */
  readonly within?: readonly string[];
}

/**
 * Reads the folder into the index that `withIndex` names, and that into a tree; locks, conflicts and half-done operations
 * of the worktree's own index do not matter. Ignored files stay out.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function readLeftovers(
  { cwd, status, leaveOut = [], within = [] }: LeftoversOf,
  git: Git,
): Promise<Leftovers> {
  const repositories = status.untracked.filter((path) => path.endsWith('/'));
  const excluded = [...repositories, ...leaveOut].map((path) => path.replace(/\/$/, ''));
  const args = ['-c', 'core.safecrlf=false', 'add', '--all', '--sparse', '--ignore-errors'];
  const pathspecs = ['.', ...excluded.map((path) => `:(exclude,top,literal)${path}`)];
  const failed = new Map<string, string>();
  const add = async (what: readonly string[]): Promise<string> => {
    const but = [...failed.keys()].map((path) => `:(exclude,top,literal)${path}`);
    const answer = await git.try([...args, '--pathspec-from-file=-', '--pathspec-file-nul'], {
      input: [...what, ...but].join('\0'),
    });
    const [path, reason] = (answer.exitCode > 1 && notConverted(answer.stderr)) || [];
    if (path !== undefined && reason !== undefined && !failed.has(path) && failed.size < MAX_FAILED) {
      failed.set(path, reason);
      return add(what);
    }
    // 1: single files could not be read, the rest is added.
    if (answer.exitCode > 1 || answer.stderr.includes('No space left')) throw gitError(['add'], cwd, answer);
    return answer.stderr;
  };
  const single = within.filter((path) => !path.endsWith('/'));
  let said = await add(pathspecs);
  if (single.length > 0) said += await add(single.map((path) => `:(top,literal)${path}`));
  const tree = await git.run(['write-tree']);
  const left = said === '' ? [] : await notAdded(git);
  return {
    tree,
    unsaved: [
      ...repositories.map((path) => ({ path, reason: OWN_REPOSITORY })),
      ...[...failed].map(([path, reason]) => ({ path, reason })),
      ...left
        .filter(
          (path) =>
            !failed.has(path) &&
            !repositories.includes(path) &&
            !leaveOut.some((entry) => isBelow(path, entry)),
        )
        .map((path) => ({ path, reason: `git cannot read it: ${reasonFor(path, said)}` })),
    ],
  };
}

/** Files that git cannot convert, beyond which nothing is saved without them. */
const MAX_FAILED = 50;

/** The file that git cannot convert into what it keeps, where it says so, and why. */
function notConverted(stderr: string): [path: string, reason: string] | undefined {
  const [, filtered] = /^fatal: (.+): clean filter '.*' failed$/m.exec(stderr) ?? [];
  if (filtered !== undefined) return [filtered, 'the filter that .gitattributes names for it fails on it'];
  const [, encoded] = /^fatal: (?:BOM is \w+ in|failed to encode) '(.+)' (?:if|from) /m.exec(stderr) ?? [];
  if (encoded === undefined) return undefined;
  return [encoded, 'it is not in the encoding that .gitattributes names for it'];
}

/** Why a folder that is a repository is not saved. */
const OWN_REPOSITORY = 'a git repository of its own, whose files no commit of this branch can hold';

const isBelow = (path: string, entry: string): boolean =>
  path === entry || (entry.endsWith('/') && path.startsWith(entry));

/** What differs between the folder and the index. */
async function notAdded(git: Git): Promise<string[]> {
  const { changed, untracked } = parseStatus(await git.run(STATUS));
  const differing = changed.filter(({ state, dirtySubmodule }) => state[1] !== '.' && !dirtySubmodule);
  return [...differing.map(({ path }) => path), ...untracked];
}

/** Git says: error: open("a.txt"): Permission denied. */
function reasonFor(path: string, said: string): string {
  const line = said.split('\n').find((each) => each.includes(`"${path}"`) && each.includes('): '));
  return line?.slice(line.lastIndexOf('): ') + 3) ?? 'it may not be read';
}

/**
 * Commits `tree` on top of `head`, touching neither HEAD nor a branch; no hook runs and nothing is signed. A merge that
 * was resolved and not yet committed keeps its other parents.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function commitLeftovers(
  { cwd, gitDir, status }: { cwd: string; gitDir: string; status: CheckoutStatus },
  { tree, message }: { tree: string; message: string },
  git: Git,
): Promise<string> {
  const resolved = !status.changed.some(({ unmerged }) => unmerged);
  const merged = resolved ? await readFile(join(gitDir, 'MERGE_HEAD'), 'utf8').catch(() => '') : '';
  const parents = [
    ...(status.head === undefined ? [] : [status.head]),
    ...merged.split('\n').filter(Boolean),
  ];
  return git.in(cwd).run(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'], {
    input: message,
  });
}
