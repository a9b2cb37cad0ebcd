/** What git ignores in a worktree, told apart by who says so: a `.gitignore` of the branch, or something that no clone has. */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Unsaved } from '../../contract/index.ts';
import { ownPlace } from '../commits/own-index.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';

export interface Ignored {
  /** By a `.gitignore` of the branch, or by what the user ignores everywhere. Folders, whole ones, end in `/`. */
  readonly told: readonly string[];
  /** By `info/exclude`, or by a `.gitignore` that no commit has. */
  readonly hidden: readonly Unsaved[];
}

/** By these a folder says that a tool made it and makes it again: https://bford.info/cachedir, PEP 405. */
const MADE_BY_TOOLS = ['CACHEDIR.TAG', 'pyvenv.cfg'];

/** Tells apart what git ignores in the worktree `cwd`: `paths`, as `worktreeStatus` has them. @throws SubagentsError GIT */
export async function tellIgnored(git: Git, paths: readonly string[]): Promise<Ignored> {
  if (paths.length === 0) return { told: [], hidden: [] };
  const { cwd } = git;
  const own = ownPlace(git);
  const told: string[] = [];
  const hidden: Unsaved[] = [];
  const tracked = new Map<string, boolean>();
  for (const [path, source] of await sources(paths, own)) {
    if (isGitignore(cwd, source)) {
      if (!tracked.has(source)) tracked.set(source, await isTracked(source, own));
      const folder = join(cwd, dirname(source));
      if (tracked.get(source) === true || MADE_BY_TOOLS.some((name) => existsSync(join(folder, name))))
        told.push(path);
      else hidden.push({ path, reason: `ignored by ${source}, which is in no commit` });
    } else if (await isUsersOwn(source, own)) told.push(path);
    else hidden.push({ path, reason: `ignored by ${nameOf(cwd, source)}, which no clone has` });
  }
  return { told, hidden };
}

/** The file whose pattern ignores each path, as git names it; empty where it is not known. */
async function sources(paths: readonly string[], git: Git): Promise<[string, string][]> {
  const args = ['check-ignore', '--no-index', '--verbose', '--non-matching', '-z', '--stdin'];
  const { stdout } = await git.try(args, { input: paths.join('\0') });
  const items = stdout.split('\0');
  const found: [string, string][] = [];
  // Source, line, pattern, path.
  for (let at = 0; at + 3 < items.length; at += 4) found.push([items[at + 3] ?? '', items[at] ?? '']);
  return found;
}

/** An empty source: all below is ignored for another path's sake. */
const isGitignore = (cwd: string, source: string): boolean =>
  source === '' || (/(^|\/)\.gitignore$/.test(source) && resolve(cwd, source).startsWith(join(cwd, '/')));

const isTracked = async (path: string, git: Git): Promise<boolean> =>
  path === '' || (await git.try(['cat-file', '-e', `HEAD:${path}`])).exitCode === 0;

/** Whether it is the file by which the user ignores things in every repository. */
async function isUsersOwn(source: string, git: Git): Promise<boolean> {
  const { stdout } = await git.try([
    'config',
    '--show-scope',
    '--type=path',
    '--get-all',
    'core.excludesFile',
  ]);
  const configured = stdout
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([scope]) => scope === 'global' || scope === 'system')
    .map(([, path = '']) => path);
  const standard = join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'git', 'ignore');
  return [...configured, standard].some((path) => real(path) === real(resolve(git.cwd, source)));
}

function nameOf(cwd: string, source: string): string {
  const exclude = join(gitDirs(cwd).commonDir, 'info', 'exclude');
  return real(resolve(cwd, source)) === real(exclude) ? 'info/exclude of the repository' : source;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
