/** Resolves the repository and the base that a caller names, before anything is created. */
import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { SubagentsError } from '../contract/index.ts';
import { readIfThere } from '../system/files.ts';
import { describeEntry, gitDirs, notARepository } from './git-dirs.ts';
import { Git } from './git.ts';
import { firstUsefulLine, gitError } from './run.ts';

/**
 * Returns the real path of the root of the checkout that contains `path`.
 * @param path absolute, relative to `from`, or beginning with `~`.
 * @throws SubagentsError NOT_A_REPOSITORY that says what `path` is instead.
 */
export async function resolveRepository(path: string, from: string = process.cwd()): Promise<string> {
  const full = resolve(
    from,
    path.replace(/^~(?=\/|$)/, () => homedir()),
  );
  const kind = describeEntry(full);
  if (kind !== 'folder') throw notARepository(full, kind);
  const args = ['rev-parse', '--show-toplevel'];
  const answer = await Git.at(full).try(args);
  if (answer.exitCode === 0) {
    const root = await realpath(answer.stdout);
    gitDirs(root); // throws when core.worktree names another folder
    return root;
  }
  if (answer.stderr.includes('dubious ownership')) {
    throw notARepository(full, 'in a repository of another user, which git refuses to read', {
      remedy: `If you trust it: git config --global --add safe.directory ${full}`,
    });
  }
  if (answer.stderr.includes('must be run in a work tree')) {
    const bare = await Git.at(full).try(['rev-parse', '--is-bare-repository', '--absolute-git-dir']);
    const [isBare, gitDir = ''] = bare.stdout.split('\n');
    const top = dirname(gitDir);
    if (
      isBare === 'true' &&
      basename(gitDir) === '.git' &&
      full !== gitDir &&
      !full.startsWith(`${gitDir}/`)
    ) {
      throw notARepository(
        full,
        'in a checkout with core.bare=true in its configuration, so git treats it as a bare repository',
        { remedy: `If that was not set on purpose: git -C ${top} config core.bare false` },
      );
    }
    throw isBare === 'true'
      ? notARepository(full, 'a bare repository, which has no checkout', {
          remedy: `Make a checkout of it: git clone ${full} FOLDER`,
        })
      : notARepository(full, 'inside a .git folder', { remedy: 'Name the folder above it.' });
  }
  if (answer.stderr.includes('not a git repository')) throw notARepository(full, 'in no git repository');
  throw notARepository(full, `not readable by git (${firstUsefulLine(answer.stderr) ?? 'no reason given'})`);
}

/**
 * Returns the full id of the commit that `name` denotes.
 * @throws SubagentsError UNKNOWN_BASE, with similar existing names.
 */
export async function resolveBase(git: Git, name = 'HEAD'): Promise<string> {
  const args = ['rev-parse', '--verify', '--end-of-options', `${name}^{commit}`];
  const answer = await git.try(args);
  if (answer.exitCode === 0) return answer.stdout;
  if (/not a git repository|dubious ownership/.test(answer.stderr)) throw gitError(args, git.cwd, answer);
  const refs = await git.run([
    'for-each-ref',
    '--format=%(refname:short)',
    'refs/heads',
    'refs/remotes',
    'refs/tags',
  ]);
  if (refs === '' && name === 'HEAD') {
    throw new SubagentsError(
      'UNKNOWN_BASE',
      `${git.cwd} has no commit yet, so there is nothing to start from`,
      {
        remedy: 'Make a first commit: git commit --allow-empty -m "First commit"',
      },
    );
  }
  const near = nearest(name, refs.split('\n'));
  const why = answer.stderr.includes('is ambiguous')
    ? 'it matches several commits'
    : 'no such commit, branch or tag';
  throw new SubagentsError('UNKNOWN_BASE', `unknown base "${name}" in ${git.cwd}: ${why}`, {
    remedy:
      near.length > 0
        ? `Did you mean ${near.join(' or ')}?`
        : 'Name a branch, a tag or a commit; default is HEAD.',
  });
}

/**
 * Counts the changed and new uncommitted paths of the checkout (without ignored files; a new folder counts once).
 * @param timeoutMs time limit of the call.
 * @throws SubagentsError GIT
 */
export async function countUncommitted(git: Git, timeoutMs?: number): Promise<number> {
  const list = await git.run(['status', '--porcelain', '-z', '--no-renames', '--untracked-files=normal'], {
    timeoutMs,
  });
  return list.split('\0').length - 1;
}

/**
 * Reads the commit of a ref without git; undefined when the ref does not exist, or the repository stores refs in
 * another format.
 */
export function refFromFiles(commonDir: string, ref: string): string | undefined {
  const loose = readIfThere(join(commonDir, ref))?.trim();
  const packed = (readIfThere(join(commonDir, 'packed-refs')) ?? '').split('\n');
  const commit = loose ?? packed.find((line) => line.endsWith(` ${ref}`))?.split(' ')[0];
  return commit !== undefined && /^[0-9a-f]{40,64}$/.test(commit) ? commit : undefined;
}

/** Returns the commit that is checked out; undefined before the first one. @throws SubagentsError GIT */
export async function headCommit(git: Git): Promise<string | undefined> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', 'HEAD^{commit}'];
  const answer = await git.try(args);
  if (answer.exitCode > 1) throw gitError(args, git.cwd, answer);
  return answer.exitCode === 0 ? answer.stdout : undefined;
}

/** The result of a lookup in a repository. */
export interface Known {
  /** Whether the repository has the commit. */
  readonly commit: boolean;
  /** Whether the repository has a branch called `subagents`, which makes `subagents/<label>` impossible. */
  readonly blockingBranch: boolean;
  /** The requested paths that the commit has, each with its size in bytes (0 for a folder). */
  readonly paths: ReadonlyMap<string, number>;
}

/**
 * Looks up a commit and paths in it with one git call.
 * @param paths from the root of the repository; without newlines.
 * @throws SubagentsError NOT_A_REPOSITORY when the folder is no repository, GIT
 */
export async function lookUp(git: Git, commit: string, paths: readonly string[] = []): Promise<Known> {
  gitDirs(git.cwd); // throws for a subfolder, where git would use a parent's repository
  const names = [
    `${commit}^{commit}`,
    'refs/heads/subagents^{commit}',
    ...paths.map((path) => `${commit}:${path}`),
  ];
  const input = `${names.join('\n')}\n`;
  const args = ['cat-file', '--batch-check=%(objecttype) %(objectsize)'];
  const answer = await git.try(args, { input });
  if (answer.exitCode !== 0) throw gitError(args, git.cwd, answer);
  const [first = '', second = '', ...others] = answer.stdout.split('\n');
  return {
    commit: first.startsWith('commit '),
    blockingBranch: second.startsWith('commit '),
    paths: new Map(
      paths.flatMap((path, index) => {
        const [, type, size] = /^(blob|tree) (\d+)$/.exec(others[index] ?? '') ?? [];
        return type === undefined ? [] : [[path, type === 'blob' ? Number(size) : 0] as const];
      }),
    ),
  };
}

/** Returns at most three of `names` that are similar to `name`. */
function nearest(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase();
  return names
    .filter((candidate) => candidate !== '')
    .map((candidate) => {
      const whole = candidate.toLowerCase();
      const last = whole.slice(whole.lastIndexOf('/') + 1);
      return { candidate, far: Math.min(distance(wanted, whole), distance(wanted, last)) };
    })
    .filter(({ far }) => far < name.length && far <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.far - b.far || a.candidate.localeCompare(b.candidate))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/**
 * Returns the newest common ancestor of `one` and `other`.
 * @throws SubagentsError UNKNOWN_BASE when there is none
 */
export async function mergeBase(git: Git, one: string, other: string): Promise<string> {
  const { exitCode, stdout } = await git.try(['merge-base', one, other]);
  if (exitCode === 0) return stdout;
  throw new SubagentsError('UNKNOWN_BASE', `${one} and ${other} have no commit in common in ${git.cwd}`, {
    remedy:
      'Name the base that the change started from. In a shallow clone, run `git fetch --unshallow` first.',
  });
}

/** Whether `older` is `newer` or in its history. */
export async function isAncestor(git: Git, older: string, newer: string): Promise<boolean> {
  if (older === newer) return true;
  return (await git.try(['merge-base', '--is-ancestor', older, newer])).exitCode === 0;
}
