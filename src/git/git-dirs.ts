/** Finds the git folder of a checkout without starting git. */
import { existsSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SubagentsError } from '../contract/index.ts';
import { wallsAround } from '../sandbox/place.ts';
import { readForeignFile, readIfThere } from '../system/files.ts';
import { isWithin } from '../system/real-path.ts';
import { movedRemedy } from './run.ts';

/** The git folder of a checkout, and the one it shares with other worktrees of the repository. */
export interface GitDirs {
  readonly gitDir: string;
  readonly commonDir: string;
}

/**
 * Reads the git folders of the checkout with the root `root`, as described in gitrepository-layout(5); starts no
 * process.
 * @throws SubagentsError NOT_A_REPOSITORY
 */
export function gitDirs(root: string): GitDirs {
  try {
    const link = join(root, '.git');
    const gitDir = realpathSync(lstatSync(link).isFile() ? resolve(root, gitFileTarget(link)) : link);
    statSync(join(gitDir, 'HEAD'));
    const common = readIfThere(join(gitDir, 'commondir'));
    const commonDir =
      common === undefined ? gitDir : realpathSync(resolve(gitDir, common.replace(/\n$/, '')));
    requireBehindWalls(root, [gitDir, commonDir]);
    return { gitDir, commonDir };
  } catch (error) {
    const kind = describeEntry(root);
    throw notARepository(root, kind === 'folder' ? 'not the root of a git checkout' : kind, {
      ...(kind.startsWith('missing') && { remedy: movedRemedy(root) }),
      cause: error,
    });
  }
}

/**
 * What a sandboxed subagent wrote into its folders must not lead the worker's git to any other: with the paths of outside it
 * would find there what git behind the walls does not see.
 */
function requireBehindWalls(root: string, folders: readonly string[]): void {
  const walls = wallsAround(root);
  if (walls === undefined) return;
  const outside = folders.find((folder) => !walls.writable.some((each) => isWithin(each, folder)));
  if (outside !== undefined) throw new Error(`its git folder is ${outside}, outside of its sandbox`);
}

/** Returns the git folders of `cwd` when that is the root of a checkout, or itself a git folder. */
export function findGitDirs(
  cwd: string,
): { readonly dirs: GitDirs; readonly isCheckout: boolean } | undefined {
  try {
    if (existsSync(join(cwd, '.git'))) return { dirs: gitDirs(cwd), isCheckout: true };
    const isGitDir = ['HEAD', 'objects', 'config'].every((name) => existsSync(join(cwd, name)));
    return isGitDir ? { dirs: { gitDir: cwd, commonDir: cwd }, isCheckout: false } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the index of a git folder depends on a second file (split index), or cannot be looked at. */
export function isIndexSplit(gitDir: string): boolean {
  try {
    return readdirSync(gitDir).some((name) => name.startsWith('sharedindex.'));
  } catch {
    return true;
  }
}

/** Returns the target of a `.git` file. */
function gitFileTarget(path: string): string {
  return readForeignFile(path)
    .toString()
    .replace(/^gitdir: /, '')
    .replace(/\n$/, '');
}

/** Returns `folder` when `path` is a readable folder, otherwise a description of the entry. */
export function describeEntry(path: string): string {
  try {
    const stat = statSync(path);
    if (!stat.isDirectory()) return 'a file, not a folder';
    statSync(join(path, '.')); // fails without permission to enter
    return 'folder';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'missing: there is no such folder' : `not readable (${code})`;
  }
}

/** The error for a path that is no repository; `what` describes the path. */
export function notARepository(
  path: string,
  what: string,
  options: { remedy?: string; cause?: unknown } = {},
): SubagentsError {
  const message = what.startsWith('missing') ? `${path} does not exist` : `${path} is ${what}`;
  return new SubagentsError('NOT_A_REPOSITORY', message, {
    remedy:
      options.remedy ?? 'Name a folder inside a git checkout, or run "git init" and commit there first.',
  });
}
