/**
 * Distinguishes ignored files of a worktree by the rule that ignores them: a `.gitignore` of the branch, or a rule
 * that no clone has.
 */
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Unsaved } from '../../contract/index.ts';
import { withoutCoreWorktree } from '../commits/own-index.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';

/** Ignored paths by the kind of rule. */
export interface IgnoredPaths {
  /**
   * Ignored by a `.gitignore` that the branch or a tool's own folder has, or by the user's global rules. A wholly
   * ignored folder ends in `/`.
   */
  readonly declared: readonly string[];
  /** Ignored by `info/exclude`, or by a `.gitignore` that is in no commit. */
  readonly hidden: readonly Unsaved[];
}

/**
 * Files by which a folder declares that a tool made it and can make it again: https://bford.info/cachedir, PEP 405.
 */
const MADE_BY_TOOLS = ['CACHEDIR.TAG', 'pyvenv.cfg'];

/**
 * Classifies `paths`, the ignored paths of the worktree as `readableWorktreeStatus` lists them.
 * @throws SubagentsError GIT
 */
export async function classifyIgnored(git: Git, paths: readonly string[]): Promise<IgnoredPaths> {
  if (paths.length === 0) return { declared: [], hidden: [] };
  const { cwd } = git;
  const own = withoutCoreWorktree(git);
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
    else hidden.push({ path, reason: `ignored by ${nameOf(cwd, source)}, which is not part of a clone` });
  }
  return { declared: told, hidden };
}

/** Returns the file whose pattern ignores each path, as git names it; empty when unknown. */
async function sources(paths: readonly string[], git: Git): Promise<[string, string][]> {
  const args = ['check-ignore', '--no-index', '--verbose', '--non-matching', '-z', '--stdin'];
  const { stdout } = await git.try(args, { input: paths.join('\0') });
  const items = stdout.split('\0');
  const found: [string, string][] = [];
  // Each item has four fields: source, line, pattern, path.
  for (let at = 0; at + 3 < items.length; at += 4) found.push([items[at + 3] ?? '', items[at] ?? '']);
  return found;
}

/**
 * Whether the source is a `.gitignore`. The source is empty when another path's pattern ignores everything below.
 */
const isGitignore = (cwd: string, source: string): boolean =>
  source === '' || (/(^|\/)\.gitignore$/.test(source) && resolve(cwd, source).startsWith(join(cwd, '/')));

const isTracked = async (path: string, git: Git): Promise<boolean> =>
  path === '' || (await git.try(['cat-file', '-e', `HEAD:${path}`])).exitCode === 0;

/** Whether the source is the user's global excludes file. */
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
