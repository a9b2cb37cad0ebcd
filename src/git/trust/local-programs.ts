/**
 * Prevents programs named by a repository's own configuration from running in our git calls. Programs configured
 * for all repositories, by the user or on the machine, run in their place if there are any.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { GitSetting } from '../../environment/unattended.ts';
import { checkedOutSubmodules } from '../worktrees/submodule-tree.ts';
import { gitDirs, type GitDirs } from '../git-dirs.ts';
import { readConfiguration, type ConfigValues } from './configuration.ts';

/**
 * Settings that make git run a program in calls like ours, each with a value that runs none. (Hooks, fsmonitor,
 * external diffs and text conversions are disabled in every call, whoever configured them.)
 */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/^filter\..*\.(clean|smudge|process)$/, ''],
  [/^filter\..*\.required$/, 'false'],
  // An empty driver would resolve every conflict with our side.
  [/^merge\..*\.driver$/, 'false'],
  [/^core\.sshcommand$/, 'ssh'],
  [/^core\.(gitproxy|alternaterefscommand|askpass)$/, ''],
  [/^credential\.(.*\.)?helper$/, ''],
  [/^remote\..*\.uploadpack$/, 'git-upload-pack'],
  [/^remote\..*\.receivepack$/, 'git-receive-pack'],
  [/^remote\..*\.vcs$/, ''],
  [/^gpg\.(openpgp\.)?program$/, 'gpg'],
  [/^gpg\.ssh\.program$/, 'ssh-keygen'],
  [/^gpg\.x509\.program$/, 'gpgsm'],
  [/^gpg\.ssh\.defaultkeycommand$/, ''],
];
const CREDENTIAL_HELPER = /^credential\.(.*\.)?helper$/;

/** How much older than our read a file must be: a file written twice within one clock tick looks unchanged. */
const SETTLED_MS = 100;
/** Maximum number of checkouts that are remembered as naming no program. */
const MAX_REMEMBERED = 200;

/** Settings and variables for a git call that keep the repository's programs from running. */
export interface Guard {
  readonly config: readonly GitSetting[];
  readonly env: Readonly<Record<string, string>>;
}
const NOTHING: Guard = { config: [], env: {} };

/**
 * Returns the guard against programs that the configuration of `cwd` or of its submodules names. Reads the
 * configuration again when it may have changed.
 */
export async function guardOf(cwd: string): Promise<Guard> {
  if (namesNone(cwd)) return NOTHING;
  const since = Date.now();
  const repository = repositoryAt(cwd);
  const { local, global } = await readConfiguration(cwd);
  if (local.size === 0) return NOTHING;
  const submodules = repository?.checkout === false ? [] : await checkedOutSubmodules(cwd);
  const all = [local, ...submodules.map(({ configuration }) => configuration)];
  const keys = new Set(all.flatMap((settings) => [...settings.keys()].filter(isProgram)));
  if (keys.size > 0) return guardAgainst(keys, global);
  // Not remembered when there are includes: an included file may appear later.
  if (repository && !all.some((settings) => [...settings.keys()].some(isInclude)))
    cacheCheckout(
      cwd,
      repository.dirs,
      submodules.map(({ folder }) => folder),
      since,
    );
  return NOTHING;
}

function guardAgainst(keys: ReadonlySet<string>, global: ConfigValues): Guard {
  const config = [...keys]
    .filter((key) => !CREDENTIAL_HELPER.test(key))
    .map((key): GitSetting => [key, global.get(key)?.at(-1) ?? harmless(key)]);
  if ([...keys].some((key) => CREDENTIAL_HELPER.test(key))) {
    // Credential helpers accumulate; an empty value clears the earlier ones.
    config.push(['credential.helper', '']);
    for (const [key, values] of global)
      if (CREDENTIAL_HELPER.test(key)) for (const value of values) config.push([key, value]);
  }
  // The first matching core.gitProxy applies, not the last, so it cannot be overridden by a setting; the variable
  // has precedence.
  return { config, env: keys.has('core.gitproxy') ? { GIT_PROXY_COMMAND: '' } : {} };
}

/** Whether git runs the value of this key as a program. */
const isProgram = (key: string): boolean => PROGRAMS.some(([pattern]) => pattern.test(key));
const isInclude = (key: string): boolean => /^include(if\..*)?\.path$/.test(key);
const harmless = (key: string): string => PROGRAMS.find(([pattern]) => pattern.test(key))?.[1] ?? '';

/**
 * Returns the programs of the checkout that do not run in our calls and have no global replacement: keys and
 * values.
 * @param pattern which keys.
 */
export async function withoutGlobal(cwd: string, pattern: RegExp): Promise<Map<string, string>> {
  const { local, global } = await readConfiguration(cwd);
  return new Map(
    [...local]
      .filter(([key]) => isProgram(key) && pattern.test(key) && !global.has(key))
      .map(([key, values]) => [key, values.at(-1) ?? '']),
  );
}

interface CachedCheckout {
  readonly dirs: GitDirs;
  readonly files: readonly string[];
  readonly states: string;
}
const checkoutCache = new Map<string, CachedCheckout>();

function namesNone(cwd: string): boolean {
  const known = checkoutCache.get(cwd);
  if (known === undefined) return false;
  const now = repositoryAt(cwd)?.dirs;
  const same = now?.gitDir === known.dirs.gitDir && now.commonDir === known.dirs.commonDir;
  return same && known.states === statesOf(known.files);
}

function cacheCheckout(cwd: string, dirs: GitDirs, submodules: readonly string[], since: number): void {
  const files = filesOf(dirs);
  for (const folder of submodules) {
    const below = repositoryAt(folder);
    if (below === undefined) return;
    files.push(join(folder, '.git'), ...filesOf(below.dirs));
  }
  if (files.some((path) => (statSync(path, MAY_BE_ABSENT)?.ctimeMs ?? 0) > since - SETTLED_MS)) return;
  if (checkoutCache.size >= MAX_REMEMBERED) checkoutCache.clear();
  checkoutCache.set(cwd, { dirs, files, states: statesOf(files) });
}

/**
 * The files that determine which programs are configured: the configuration, and the index for the list of
 * submodules.
 */
const filesOf = ({ gitDir, commonDir }: GitDirs): string[] => [
  join(commonDir, 'config'),
  join(gitDir, 'config.worktree'),
  join(gitDir, 'index'),
];

const MAY_BE_ABSENT = { throwIfNoEntry: false } as const;

function statesOf(files: readonly string[]): string {
  return files
    .map((path) => {
      const stat = statSync(path, { bigint: true, ...MAY_BE_ABSENT });
      return stat === undefined ? '' : [stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
    })
    .join('\n');
}

/** Returns the git folders of `cwd` when that is the root of a checkout, or itself a git folder. */
function repositoryAt(cwd: string): { readonly dirs: GitDirs; readonly checkout: boolean } | undefined {
  try {
    if (existsSync(join(cwd, '.git'))) return { dirs: gitDirs(cwd), checkout: true };
    const isGitDir = ['HEAD', 'objects', 'config'].every((name) => existsSync(join(cwd, name)));
    return isGitDir ? { dirs: { gitDir: cwd, commonDir: cwd }, checkout: false } : undefined;
  } catch {
    return undefined;
  }
}
