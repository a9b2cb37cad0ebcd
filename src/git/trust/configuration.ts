/**
 * Reads the configuration of a repository. Git is started only for contents that it has not parsed before: each of our
 * git calls depends on the configuration.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ByContent } from '../../system/by-content.ts';
import { errorCode, readForeignFile } from '../../system/files.ts';
import { findGitDirs, type GitDirs } from '../git-dirs.ts';
import { wallsAround } from '../../sandbox/place.ts';
import { runGit } from '../run.ts';

/** Values by key, in order. */
export type ConfigValues = ReadonlyMap<string, readonly string[]>;

/** The settings that apply in a repository. */
export interface Configuration {
  /** Settings of the repository itself, including the files that it includes. */
  readonly local: ConfigValues;
  /** Settings of the user and of the machine for all repositories. */
  readonly global: ConfigValues;
}

/** Reads the settings that apply in `cwd`. */
export async function readConfiguration(cwd: string): Promise<Configuration> {
  const dirs = findGitDirs(cwd)?.dirs;
  const local = dirs && (await localByContent(cwd, dirs));
  return local === undefined ? list(cwd) : { local, global: await globalSettings(cwd, dirs?.gitDir ?? cwd) };
}

/** Reads the settings of the repository itself at `cwd`, including the files that it includes. */
export async function readLocalConfiguration(cwd: string): Promise<ConfigValues> {
  const dirs = findGitDirs(cwd)?.dirs;
  return (dirs && (await localByContent(cwd, dirs))) ?? (await list(cwd)).local;
}

/** The last value of `key`; the repository's own settings have precedence. */
export const configured = ({ local, global }: Configuration, key: string): string | undefined =>
  local.get(key)?.at(-1) ?? global.get(key)?.at(-1);

/** Whether git reads `value` as true (git-config(1), "Values"), or rejects it. */
export const isTrue = (value: string | undefined): boolean =>
  value !== undefined && !/^(false|no|off|[-+]?0+[kmg]?|)$/i.test(value);

/** Lets git read all files. */
async function list(cwd: string): Promise<Configuration> {
  const { stdout } = await runGit(['config', '--list', '--show-scope', '--includes', '-z'], { cwd });
  const items = stdout.split('\0');
  const found = { local: new Map<string, string[]>(), global: new Map<string, string[]>() };
  for (let at = 0; at + 1 < items.length; at += 2) {
    const into = items[at] === 'local' || items[at] === 'worktree' ? found.local : found.global;
    add(into, items[at + 1] ?? '');
  }
  return found;
}

/** Adds an entry of the form "key", a newline and the value. A key without a value means true. */
function add(to: Map<string, string[]>, entry: string): void {
  const [key = '', ...value] = entry.split('\n');
  to.set(key, [...(to.get(key) ?? []), value.length === 0 ? 'true' : value.join('\n')]);
}

/**
 * The settings in the repository's files; undefined when only git can read them: with includes, whose files and conditions
 * may change, or with a file that cannot be read or parsed.
 */
async function localByContent(
  cwd: string,
  { gitDir, commonDir }: GitDirs,
): Promise<ConfigValues | undefined> {
  const shared = await parsed(cwd, contentOf(join(commonDir, 'config'), false));
  if (shared === undefined) return undefined;
  if (!isTrue(shared.get('extensions.worktreeconfig')?.at(-1))) return shared;
  const own = await parsed(cwd, contentOf(join(gitDir, 'config.worktree'), false));
  if (own === undefined) return undefined;
  const all = new Map([...shared].map(([key, values]) => [key, [...values]]));
  for (const [key, values] of own) all.set(key, [...(all.get(key) ?? []), ...values]);
  return all;
}

/** A larger file is left to git, in bytes. */
const MAX_CONFIGURATION_BYTES = 1024 * 1024;
const byContent = new ByContent<ConfigValues | undefined>();

/** Parses a file's content. Undefined when that is not valid, or includes other files. */
async function parsed(cwd: string, content: string | undefined): Promise<ConfigValues | undefined> {
  if (content === undefined) return undefined;
  return byContent.get(content, async () => {
    const args = ['config', '--file', '-', '--list', '-z'];
    const { exitCode, stdout } = await runGit(args, { cwd, input: content });
    if (exitCode !== 0) return undefined;
    const values = new Map<string, string[]>();
    for (const entry of stdout.split('\0').slice(0, -1)) add(values, entry);
    return [...values.keys()].some(isInclude) ? undefined : values;
  });
}

const isInclude = (key: string): boolean => /^include(if\..*)?\.path$/.test(key);

/**
 * The content of a file, empty when there is none; undefined when it cannot be read, or is a link that is not followed: behind
 * walls a link leads elsewhere than here.
 */
function contentOf(path: string, follow = true): string | undefined {
  try {
    return readForeignFile(path, { maxBytes: MAX_CONFIGURATION_BYTES, follow }).toString();
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? '' : undefined;
  }
}

/** How long a change of a file that the user's configuration includes may go unnoticed. */
const GLOBAL_MAX_AGE_MS = 5_000;
/** Maximum number of remembered places. */
const MAX_PLACES = 200;

interface GlobalSettings {
  readonly contents: string;
  readonly until: number;
  readonly values: ConfigValues;
}
const globalByPlace = new Map<string, GlobalSettings>();

/** The files with the settings of this user. */
function usersFiles(): string[] {
  const { env } = process;
  if (env['GIT_CONFIG_GLOBAL'] !== undefined) return [env['GIT_CONFIG_GLOBAL']];
  const folder = env['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  return [join(folder, 'git', 'config'), join(homedir(), '.gitconfig')];
}

/** Settings of user and machine. Those of all repositories are the same, unless some apply conditionally. */
async function globalSettings(cwd: string, gitDir: string): Promise<ConfigValues> {
  const { env } = process;
  const walls = wallsAround(cwd);
  const files = [
    ...(walls === undefined ? usersFiles() : [walls.ofWorker?.gitConfig ?? '']),
    env['GIT_CONFIG_SYSTEM'] ?? '/etc/gitconfig',
  ];
  // What a subagent can write into its home directory is never taken for the settings of another place.
  const space = walls === undefined ? '' : gitDir;
  const place = [...files, env['GIT_CONFIG_NOSYSTEM'] ?? '', space].join('\0');
  const contents = JSON.stringify(files.map((file) => contentOf(file)));
  for (const key of [place, `${place}\0${gitDir}`]) {
    const known = globalByPlace.get(key);
    if (known?.contents === contents && known.until > Date.now()) return known.values;
  }
  if (globalByPlace.size >= MAX_PLACES) globalByPlace.clear();
  const { global: values } = await list(cwd);
  const conditional = [...values.keys()].some((key) => key.startsWith('includeif.'));
  globalByPlace.set(conditional ? `${place}\0${gitDir}` : place, {
    contents,
    until: Date.now() + GLOBAL_MAX_AGE_MS,
    values,
  });
  return values;
}
