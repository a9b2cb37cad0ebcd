/** Git calls about the work of a subagent, for which nothing runs that it may have configured. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Isolation } from '../contract/index.ts';
import { readCheckoutLockEntry } from '../git/locks/checkout-lock.ts';
import {
  injectedBetween,
  readPrograms,
  settingsAgainst,
  stillInjected,
  type InjectedConfig,
} from '../git/trust/injected-config.ts';
import { injectedAmong, injectedIn } from '../git/trust/program-watch.ts';
import { gitDirs } from '../git/git-dirs.ts';
import { settingsAsBefore } from '../git/trust/readings.ts';
import { withSettings } from '../git/run.ts';
import { readWorkspaceRecord } from './workspace-record.ts';

/**
 * The programs that appeared in the configuration while the subagent of the worktree `cwd` worked, or any other in the same
 * repository.
 * @param checkout whose configuration counts; default is that of the worktree itself.
 * @throws SubagentsError GIT, INTERNAL
 */
export async function injectedBy(cwd: string, checkout?: string): Promise<InjectedConfig> {
  const record = readWorkspaceRecord(cwd);
  const repo = record?.repo ?? checkout ?? cwd;
  const { injected, snapshot } = record ?? {};
  const among = injectedAmong(repo);
  if (!injected && !snapshot && !among) return {};
  const own = (programs: Record<string, string>): InjectedConfig => {
    if (injected) return stillInjected(injected, programs);
    return snapshot ? injectedBetween(snapshot.programs, programs) : {};
  };
  // A worktree can have configuration of its own beside the shared one, and can be linked to another repository.
  const places = checkout === undefined ? [...new Set([repo, cwd])] : [checkout];
  const found = await Promise.all(
    places
      .filter((at) => existsSync(join(at, '.git')))
      .map(async (at) => {
        const programs = await readPrograms(at);
        return { ...among?.(programs), ...own(programs) };
      }),
  );
  return Object.assign({}, ...found) as InjectedConfig;
}

/** Where a run works, or worked. */
export interface RunPlace {
  readonly cwd: string;
  readonly isolation: Isolation;
  /** Its first execution run id. */
  readonly runId: string;
}

/**
 * Does `work`, all git calls in it without the programs that appeared in the configuration while a run worked in its place, and with
 * the settings for its files that there were before.
 */
export async function withTrustedGitConfig<T>(place: RunPlace, work: () => Promise<T>): Promise<T> {
  const inPlace = place.isolation === 'in-place';
  const [found, asBefore] = await Promise.all([
    inPlace ? plantedInPlace(place) : injectedBy(place.cwd),
    // What is changed of the user's own checkout is there to stay, until the user says else.
    inPlace ? [] : settingsAsBefore(place.cwd, readWorkspaceRecord(place.cwd)?.snapshot?.readings),
  ]);
  return withSettings([...asBefore, ...settingsAgainst(found)], work);
}

/** Beside the user's checkout lies no record of ours, whatever is called like one: what a live run began with is in its claim. */
async function plantedInPlace({ cwd, runId }: RunPlace): Promise<InjectedConfig> {
  if (!existsSync(join(cwd, '.git'))) return {};
  const before = readCheckoutLockEntry(gitDirs(cwd).gitDir, runId)?.snapshot;
  if (before === undefined) return injectedIn(cwd);
  const programs = await readPrograms(cwd);
  return { ...injectedAmong(cwd)?.(programs), ...injectedBetween(before.programs, programs) };
}
