/** Commits the uncommitted contents of a worktree. */
import { readIfItCan } from '../../system/files.ts';
import { join } from 'node:path';
import type { Unsaved } from '../../contract/index.ts';
import type { Git } from '../git.ts';
import { gitError } from '../run.ts';
import { parseStatus, STATUS, type CheckoutStatus } from '../contents/status.ts';

/** The state of a worktree's folder. */
export interface Leftovers {
  /** A tree of the folder's contents. */
  readonly tree: string;
  /** Work that the tree does not contain. */
  readonly unsaved: readonly Unsaved[];
}

/** What to read. */
export interface LeftoversOf {
  readonly cwd: string;
  readonly status: CheckoutStatus;
  /** Files and folders to leave out. */
  readonly leaveOut?: readonly string[];
  /** Files in excluded folders that the tree must contain nevertheless. */
  readonly within?: readonly string[];
}

/**
 * Adds the folder's contents to the handle's own index and writes that as a tree. Locks, conflicts and unfinished
 * operations of the worktree's index do not matter. Ignored files are left out.
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
    // Exit code 1: some files could not be read; the others were added.
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

/** Maximum number of files that git cannot convert; with more, saving fails. */
const MAX_FAILED = 50;

/** Finds the file that git reports it cannot convert, and the reason. */
function notConverted(stderr: string): [path: string, reason: string] | undefined {
  const [, filtered] = /^fatal: (.+): clean filter '.*' failed$/m.exec(stderr) ?? [];
  if (filtered !== undefined) return [filtered, 'its filter in .gitattributes fails'];
  const [, encoded] = /^fatal: (?:BOM is \w+ in|failed to encode) '(.+)' (?:if|from) /m.exec(stderr) ?? [];
  if (encoded === undefined) return undefined;
  return [encoded, 'it is not in the encoding that .gitattributes declares for it'];
}

/** The reason why a folder that is a repository is not saved. */
const OWN_REPOSITORY = 'a separate git repository, whose files cannot be part of a commit of this branch';

const isBelow = (path: string, entry: string): boolean =>
  path === entry || (entry.endsWith('/') && path.startsWith(entry));

/** Returns paths that differ between the folder and the index. */
async function notAdded(git: Git): Promise<string[]> {
  const { changed, untracked } = parseStatus(await git.run(STATUS));
  const differing = changed.filter(({ state, dirtySubmodule }) => state[1] !== '.' && !dirtySubmodule);
  return [...differing.map(({ path }) => path), ...untracked];
}

/** Git prints: error: open("a.txt"): Permission denied. */
function reasonFor(path: string, said: string): string {
  const line = said.split('\n').find((each) => each.includes(`"${path}"`) && each.includes('): '));
  return line?.slice(line.lastIndexOf('): ') + 3) ?? 'it cannot be read';
}

/**
 * Commits `tree` on top of the status's head without changing HEAD or a branch; runs no hook and signs nothing. A
 * merge whose conflicts are resolved but which is not committed keeps its other parents.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function commitLeftovers(
  { cwd, gitDir, status }: { cwd: string; gitDir: string; status: CheckoutStatus },
  { tree, message }: { tree: string; message: string },
  git: Git,
): Promise<string> {
  const resolved = !status.changed.some(({ unmerged }) => unmerged);
  const merged = resolved ? readIfItCan(join(gitDir, 'MERGE_HEAD')) : '';
  const parents = [
    ...(status.head === undefined ? [] : [status.head]),
    ...merged.split('\n').filter(Boolean),
  ];
  return git.in(cwd).run(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'], {
    input: message,
  });
}
