/** Finds the program of the embedded server, or gets it once per machine and user. */
import { access, constants, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { SubagentsError } from '../contract/errors.ts';
import type { Env } from '../system/home-root.ts';
import { tryLock } from '../system/lock.ts';
import {
  buildWithGo,
  downloadWithSdk,
  TEMPORAL_CLI_VERSION,
  BinarySourceFailed,
  type BinarySource,
} from './binary-sources.ts';
import { withoutTemporal } from './environment.ts';

/** The oldest server with all features we use (fairness keys); an older `temporal` on PATH is skipped. */
const MIN_SERVER = [1, 29] as const;

/** The program of the server. */
export interface TemporalBinary {
  readonly path: string;
  /** Where it came from, for people. */
  readonly source: string;
}

/** How to find or get the program. */
export interface BinaryOptions {
  /** Called with one line of progress during slow steps. */
  readonly onProgress: (line: string) => void;
  /** Environment to search; default `process.env`. */
  readonly env?: Env | undefined;
}

/**
 * The `temporal` program: named by `SUBAGENTS_TEMPORAL_PATH`, on PATH, in our cache, downloaded, or built with Go. It
 * is obtained once per machine and user; a second process waits for the first.
 * @throws SubagentsError TEMPORAL_MISSING, which names every way that was tried, why it failed, and its remedy
 */
export async function ensureTemporalBinary(options: BinaryOptions): Promise<TemporalBinary> {
  const { onProgress, env = process.env } = options;
  const named = env['SUBAGENTS_TEMPORAL_PATH'];
  if (named) {
    const problem = await whyUnusable(named, env);
    if (problem === undefined) return { path: named, source: 'SUBAGENTS_TEMPORAL_PATH' };
    throw new SubagentsError('TEMPORAL_MISSING', `SUBAGENTS_TEMPORAL_PATH names ${named}: ${problem}`, {
      remedy: 'name a Temporal CLI that runs, or unset the variable',
    });
  }

  const failures: string[] = [];
  const onPath = await findOnPath('temporal', env);
  const problem = onPath === undefined ? 'not found' : await whyUnusable(onPath, env);
  if (onPath !== undefined && problem === undefined) return { path: onPath, source: 'temporal on PATH' };
  failures.push(
    failure(
      onPath ?? '`temporal` on PATH',
      problem ?? '',
      'install the Temporal CLI: https://docs.temporal.io/cli#install',
    ),
  );

  return await obtainOnce(cacheFolder(env), [downloadWithSdk, buildWithGo], { onProgress, env }, failures);
}

/** The cache folder of the program for this user. */
export function cacheFolder(env: Env): string {
  const caches = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return join(caches, 'durable-subagents', `temporal-${TEMPORAL_CLI_VERSION}`);
}

/**
 * The program in the cache folder `cache`. If there is none, the first of `ways` that works puts it there, while other
 * processes wait.
 * @param failures earlier attempts, for the error message
 * @throws SubagentsError TEMPORAL_MISSING
 */
export async function obtainOnce(
  cache: string,
  ways: readonly BinarySource[],
  options: { readonly onProgress: (line: string) => void; readonly env: Env },
  failures: readonly string[] = [],
): Promise<TemporalBinary> {
  const { onProgress, env } = options;
  const path = join(cache, 'temporal');
  const cached = { path, source: 'the cache of subagents' };
  if ((await whyUnusable(path, env)) === undefined) return cached;

  const lock = await waitForLock(join(cache, 'lock'), onProgress);
  try {
    const problem = await whyUnusable(path, env);
    if (problem === undefined) return cached;
    const tried = [
      ...failures,
      failure(path, problem, 'nothing to do: a download or build below fills the cache'),
    ];
    for (const way of ways) {
      const folder = join(cache, 'getting');
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      try {
        const got = await way.get({ folder, env, onProgress });
        const unusable = await whyUnusable(got, env);
        if (unusable !== undefined)
          throw new BinarySourceFailed(`the program that it produced is unusable: ${unusable}`);
        await rename(got, path);
        return { path, source: way.name };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        tried.push(failure(way.name, reason, way.remedy));
        onProgress(`${way.name}: ${reason}`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
    throw new SubagentsError(
      'TEMPORAL_MISSING',
      ['no Temporal server could be found or installed on this machine. Tried:', ...tried].join('\n'),
      { remedy: 'do one of the above, or set SUBAGENTS_TEMPORAL_PATH to a Temporal CLI' },
    );
  } finally {
    lock.release();
  }
}

async function waitForLock(dir: string, onProgress: (line: string) => void): Promise<{ release(): void }> {
  const since = Date.now();
  for (let nextReport = 0; ;) {
    const answer = await tryLock(dir);
    if ('lock' in answer) return answer.lock;
    const seconds = Math.floor((Date.now() - since) / 1_000);
    if (seconds >= nextReport) {
      onProgress(
        `another process (${answer.holder.pid}) is installing the Temporal server; waiting, ${seconds} s`,
      );
      nextReport = seconds + 5;
    }
    await delay(200);
  }
}

/** Why the program at `path` cannot be our server; undefined if it can. */
export async function whyUnusable(path: string, env: Env): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK);
  } catch {
    return 'missing or not executable';
  }
  const { stdout, failed, shortMessage } = await execa(path, ['--version'], {
    env: withoutTemporal(env),
    extendEnv: false,
    timeout: 15_000,
    reject: false,
  });
  if (failed) return `does not run: ${shortMessage}`;
  const [, major, minor] = /Server (\d+)\.(\d+)/.exec(stdout) ?? [];
  if (!major || !minor) return `is not the Temporal CLI: ${stdout.slice(0, 80)}`;
  const [wantMajor, wantMinor] = MIN_SERVER;
  const old = Number(major) < wantMajor || (Number(major) === wantMajor && Number(minor) < wantMinor);
  return old ? `its server is ${major}.${minor}, older than ${wantMajor}.${wantMinor}` : undefined;
}

async function findOnPath(name: string, env: Env): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

function failure(way: string, reason: string, remedy: string): string {
  return `- ${way}: ${reason}\n  remedy: ${remedy}`;
}
