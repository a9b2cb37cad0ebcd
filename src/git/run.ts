/**
 * Starts git, independent of the user's environment. A repository's configuration still applies here: all code
 * calls git through a handle (`git.ts`), except the code that reads that configuration.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SubagentsError } from '../contract/index.ts';
import { cleanEnvironment } from '../environment/clean.ts';
import type { GitSetting } from '../environment/unattended.ts';
import { wallsAround } from '../sandbox/place.ts';
import { behindWalls, innerEnvironment, type Walls } from '../sandbox/walls.ts';
import type { SpawnerStart } from '../system/program.ts';
import { isWithin } from '../system/real-path.ts';
import { hasSpawner, runProgram, spawnerFile } from '../system/spawner.ts';

/** Options of one git call. */
export interface GitOptions {
  /** The folder to run git in. */
  readonly cwd: string;
  /** Variables added to the environment of the call; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Keeps the secrets of this process in the environment: for calls to a remote, which may need them as
   * credentials.
   */
  readonly secrets?: boolean | undefined;
  /**
   * The Copilot session for which the call runs: a sweep of that session ends the call if it outlives this process.
   */
  readonly copilotSessionId?: string | undefined;
  /** Settings for the call, which override those of every configuration file. */
  readonly config?: readonly GitSetting[] | undefined;
  /** Standard input of the call. */
  readonly input?: string | undefined;
  /** Ends the call with SIGTERM; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the call after this time; default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** Options that several calls share, whatever folder each runs in. */
export type GitCallOptions = Omit<GitOptions, 'cwd'>;

/** The result of a call whose exit code is part of the answer. */
export interface GitAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The oldest supported git version; the newest feature that we use is `worktree list -z`. */
export const MINIMUM_GIT_VERSION = '2.36';

// A repository may name programs to run; none of these runs in our calls, and nothing prompts at a terminal.
const SAFETY = [
  ...['-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'core.fsmonitor=false'],
  ...['-c', 'protocol.ext.allow=never'],
  // Our calls do not start a background cleanup of the user's repository, which would outlive them.
  ...['-c', 'gc.auto=0', '-c', 'maintenance.auto=false'],
  // Our calls do not write to submodules, and the order of a diff does not depend on a file that may be missing.
  ...['-c', 'submodule.recurse=false', '-c', 'diff.orderFile=/dev/null'],
  // Settings that could make git consider a file unchanged without reading it.
  ...['-c', 'core.trustCtime=true', '-c', 'core.checkStat=default', '-c', 'core.ignoreStat=false'],
  ...['-c', 'core.untrackedCache=false', '-c', 'sparse.expectFilesOutsideOfPatterns=false'],
];

// The only git variables that are kept: those for the user's identity and for the location of the user's
// configuration.
const KEPT = new Set([
  'GIT_CONFIG_GLOBAL',
  'GIT_CONFIG_SYSTEM',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_AUTHOR_NAME',
  'GIT_AUTHOR_EMAIL',
  'GIT_COMMITTER_NAME',
  'GIT_COMMITTER_EMAIL',
]);

/**
 * Runs git and returns its exit code and output (standard output without the last newline).
 * @throws SubagentsError GIT when git could not run or was ended; the reason of `signal` when that ended it.
 */
export async function runGit(args: readonly string[], options: GitOptions): Promise<GitAnswer> {
  const { cwd, copilotSessionId, signal, timeoutMs } = options;
  signal?.throwIfAborted();
  const own = copilotSessionId !== undefined;
  const limit = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  const { program, spawner } = startOf(args, {
    ...options,
    env: { ...options.env, ...(own && { COPILOT_AGENT_SESSION_ID: copilotSessionId }) },
  });
  try {
    const { exitCode, signalCode, stdout, stderr } = await runProgram(
      // In its own process session, since a sweep ends whole process sessions.
      { ...program, cwd, input: options.input ?? '', detached: own },
      AbortSignal.any(signal === undefined ? limit : [signal, ...limit]),
      spawner,
    );
    signal?.throwIfAborted();
    if (exitCode === null) throw wasEnded(args, options, signalCode);
    return { exitCode, stdout: stdout.replace(/\n$/, ''), stderr };
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw notStarted(cwd, error);
    if (error instanceof Error && spawner !== undefined) throw notRunBehindWalls(args, cwd, error);
    throw error;
  }
}

/** How git is started: program, arguments and complete environment. */
export interface GitProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

type GitScope = Pick<GitOptions, 'cwd' | 'env' | 'config' | 'secrets'>;

/**
 * Returns the program, the arguments and the complete environment of a git call. In the folders of a sandboxed subagent git
 * runs behind its walls: what is in a `.git` of theirs could lead it anywhere.
 */
export function gitProgram(args: readonly string[], scope: GitScope): GitProgram {
  return behindItsWalls(gitCall(args, scope), scope.cwd);
}

const behindItsWalls = ({ program, walls, also }: GitCall, cwd: string): GitProgram =>
  walls === undefined ? program : { ...program, ...behindWalls(walls, { ...program, cwd }, also) };

/** A git call as it runs behind walls, if there are any around its folder, and which further folders it may change. */
interface GitCall {
  readonly program: GitProgram;
  readonly walls?: Walls;
  readonly also: readonly string[];
}

function gitCall(
  args: readonly string[],
  { cwd, env: more = {}, config = [], secrets = false }: GitScope,
): GitCall {
  const env = { ...environment(more, secrets), ...settingVariables(config, more['GIT_CONFIG_COUNT']) };
  const program = { file: 'git', args: [...SAFETY, ...args], env };
  const walls = wallsAround(cwd) ?? wallsAround(env['GIT_DIR'] ?? cwd);
  if (walls === undefined) return { program, also: [] };
  const { scratch, gitConfig } = walls.ofWorker ?? {};
  const { GIT_INDEX_FILE: index, GIT_CONFIG_SYSTEM: system } = env;
  const writable = [...walls.writable, ...present(scratch)];
  return {
    // Below `XDG_CONFIG_HOME` nothing is: what the home directory inside has in `.config/git` would count, too.
    program: {
      ...program,
      env: { ...env, ...(walls.ofWorker && { GIT_CONFIG_GLOBAL: gitConfig, XDG_CONFIG_HOME: scratch }) },
    },
    walls: { ...walls, writable, readable: [...walls.readable, ...present(gitConfig, system)] },
    also: [cwd, ...present(index && dirname(index))].filter(
      (folder) => !writable.some((each) => isWithin(each, folder)),
    ),
  };
}

const present = (...paths: readonly (string | undefined)[]): string[] =>
  paths.filter((path) => path !== undefined);

/**
 * Commands that read and write objects and refs alone, and so start no filter or driver. What the guard of a call overrides is read
 * before the call; a program that the subagent slips in between must find no later call beside it.
 */
const STARTS_NO_PROGRAM = new Set([
  ...['cat-file', 'commit-tree', 'config', 'diff-tree', 'for-each-ref', 'log', 'ls-files', 'ls-tree'],
  ...['merge-base', 'rev-list', 'rev-parse', 'show-ref', 'symbolic-ref', 'update-ref', 'write-tree'],
]);

const startsNoProgram = (args: readonly string[]): boolean =>
  STARTS_NO_PROGRAM.has(args.find((arg) => arg !== '--literal-pathspecs') ?? '');

/**
 * How a call is run: behind walls in a spawner that is kept there, since to make them takes longer than most calls; where this
 * process has no spawner, or the call needs further folders or could start a program, behind walls of its own.
 */
function startOf(
  args: readonly string[],
  scope: GitScope,
): { readonly program: GitProgram; readonly spawner?: SpawnerStart } {
  const call = gitCall(args, scope);
  const { program, walls, also } = call;
  if (walls?.ofWorker === undefined || also.length > 0 || !hasSpawner() || !startsNoProgram(args))
    return { program: behindItsWalls(call, scope.cwd) };
  const file = spawnerFile();
  const node = { file: process.execPath, args: [file], cwd: '/' };
  const readable = [...walls.readable, process.execPath, file];
  return {
    program: { ...program, env: innerEnvironment(walls, program.env) },
    spawner: { ...behindWalls({ ...walls, readable }, node), env: { PATH: process.env['PATH'] } },
  };
}

/**
 * Passes settings in variables, since an argument (`-c`) cannot name a key that contains `=`. Git's calls in
 * submodules inherit them.
 */
function settingVariables(config: readonly GitSetting[], known = '0'): Record<string, string> {
  if (config.length === 0) return {};
  const first = Number(known);
  return {
    ...Object.fromEntries(
      config.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${first + index}`, key],
        [`GIT_CONFIG_VALUE_${first + index}`, value],
      ]),
    ),
    GIT_CONFIG_COUNT: String(first + config.length),
  };
}

/** The remedy when a folder no longer exists. */
export const movedRemedy = (path: string): string =>
  `If it was moved or renamed, move it back, or make a link at the old path: ln -s NEW ${path}`;

/** The error for a call that exited with a code other than 0. */
export function gitError(
  args: readonly string[],
  cwd: string,
  { exitCode, stderr }: GitAnswer,
): SubagentsError {
  const reason = firstUsefulLine(stderr) ?? `exit code ${exitCode}`;
  if (stderr.includes('No space left on device') || stderr.includes('Disk quota exceeded')) {
    return new SubagentsError(
      'DISK_FULL',
      `git ${args[0]} found no space left on the disk of ${cwd}: ${reason}`,
      {
        remedy: 'Free some space on that disk.',
      },
    );
  }
  const lock = lockInTheWay(cwd, stderr);
  if (lock !== undefined) {
    return new SubagentsError('GIT', `git ${args[0]} failed in ${cwd}: the lock file ${lock} is in the way`, {
      remedy: `If another git process is at work there, wait for it. If not, a killed git process left the file: remove it (rm '${lock}'), then try again.`,
    });
  }
  const program = missingProgram(stderr);
  if (program === undefined) return new SubagentsError('GIT', `git ${args[0]} failed in ${cwd}: ${reason}`);
  return new SubagentsError(
    'GIT',
    `git ${args[0]} failed in ${cwd}: the git configuration names ${program}, which is not installed on this machine`,
    {
      remedy: /^git-lfs$/.test(program)
        ? 'Install Git LFS (https://git-lfs.com) on the PATH of the worker, then spawn or continue again.'
        : `Install ${program} on the PATH of the worker, then spawn or continue again.`,
    },
  );
}

/** Returns the lock file that blocked git: another git holds it, or a killed one left it. */
function lockInTheWay(cwd: string, stderr: string): string | undefined {
  const [, lock, locked] =
    /Unable to create '(.+\.lock)': File exists|could not lock config file (.+): File exists/.exec(stderr) ??
    [];
  const path = lock ?? (locked === undefined ? undefined : `${locked}.lock`);
  return path === undefined ? undefined : resolve(cwd, path);
}

/** Returns the name of a filter or helper program that the shell could not find. */
function missingProgram(stderr: string): string | undefined {
  const line = /^(?:.*: )?(\S+): (?:(?:command )?not found|inaccessible or not found)$/m.exec(stderr);
  return line?.[1] ?? /^error: cannot run (\S+): No such file or directory$/m.exec(stderr)?.[1];
}

/** Matches messages that only report the consequence of an earlier failure. */
const CONSEQUENCE =
  /^(fatal|error): (the remote end hung up|external filter .* failed|.*: (clean|smudge) filter .* failed|could not read from remote repository|early EOF|index-pack failed|fetch-pack: unexpected|packet write|could not write client identification|initialization for subprocess|failed to push some refs)/i;

/** Returns git's first message, without its prefix, that is not a hint, a warning or only a consequence. */
export function firstUsefulLine(stderr: string): string | undefined {
  const said = stderr.split('\n').filter((line) => line.trim() !== '' && !/^(hint|warning):/.test(line));
  const causes = said.filter((line) => !CONSEQUENCE.test(line));
  const lines = causes.length > 0 ? causes : said;
  const line = lines.find((text) => /^(fatal|error):/.test(text)) ?? lines[0];
  return line?.replace(/^(fatal|error): /, '');
}

function environment(extra: GitOptions['env'], secrets: boolean): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(secrets ? process.env : cleanEnvironment(process.env))) {
    if (!name.startsWith('GIT_') || KEPT.has(name)) env[name] = value;
  }
  // LC_ALL: our code parses git's messages. GIT_OPTIONAL_LOCKS: reading a checkout must not disturb others who work
  // in it.
  return {
    ...env,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    // Ignore replacement objects that a repository may define (git-replace(1), info/grafts).
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_GRAFT_FILE: '',
    ...extra,
  };
}

function notStarted(cwd: string, error: Error): SubagentsError {
  if (!existsSync(cwd)) {
    const remedy = movedRemedy(cwd);
    return new SubagentsError('GIT', `cannot run git in ${cwd}: the folder is gone`, {
      remedy,
      cause: error,
    });
  }
  return new SubagentsError('GIT', `cannot run git: ${error.message}`, {
    remedy: `Install git ${MINIMUM_GIT_VERSION} or newer on the PATH.`,
    cause: error,
  });
}

const notRunBehindWalls = ([command]: readonly string[], cwd: string, error: Error): SubagentsError =>
  new SubagentsError('GIT', `git ${command} did not run behind the walls around ${cwd}: ${error.message}`, {
    cause: error,
  });

function wasEnded(
  args: readonly string[],
  { cwd, timeoutMs }: GitOptions,
  signal: NodeJS.Signals | null,
): SubagentsError {
  const limit = timeoutMs === undefined ? '' : `, or it took longer than ${timeoutMs} ms`;
  return new SubagentsError('GIT', `git ${args[0]} was killed in ${cwd} (${signal}${limit})`);
}
