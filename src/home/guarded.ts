/** Git calls about the work of a subagent, for which nothing runs that it may have configured. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Isolation } from '../contract/index.ts';
import { readCheckoutClaim } from '../git/checkout-lock.ts';
import { added, readPrograms, settingsAgainst, stillThere, type Planted } from '../git/planted.ts';
import { plantedAmong, plantedIn } from '../git/program-watch.ts';
import { gitDirs } from '../git/repository.ts';
import { settingsAsBefore } from '../git/readings.ts';
import { withSettings } from '../git/run.ts';
import { readWorkspaceRecord } from './workspace-record.ts';

/**
 * The programs that appeared in the configuration while the subagent of the worktree `cwd` worked, or any other in the same
 * repository.
 * @param checkout whose configuration counts; default is that of the worktree itself.
 * @throws SubagentsError GIT, INTERNAL
 */
export async function plantedBy(cwd: string, checkout?: string): Promise<Planted> {
  const record = readWorkspaceRecord(cwd);
  const repo = record?.repo ?? checkout ?? cwd;
  const { planted, surroundings } = record ?? {};
  const among = plantedAmong(repo);
  if (!planted && !surroundings && !among) return {};
  const own = (programs: Record<string, string>): Planted => {
    if (planted) return stillThere(planted, programs);
    return surroundings ? added(surroundings.programs, programs) : {};
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
  return Object.assign({}, ...found) as Planted;
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
export async function guarded<T>(place: RunPlace, work: () => Promise<T>): Promise<T> {
  const inPlace = place.isolation === 'in-place';
  const [found, asBefore] = await Promise.all([
    inPlace ? plantedInPlace(place) : plantedBy(place.cwd),
    // What is changed of the user's own checkout is there to stay, until the user says else.
    inPlace ? [] : settingsAsBefore(place.cwd, readWorkspaceRecord(place.cwd)?.surroundings?.readings),
  ]);
  return withSettings([...asBefore, ...settingsAgainst(found)], work);
}

/** Beside the user's checkout lies no record of ours, whatever is called like one: what a live run began with is in its claim. */
async function plantedInPlace({ cwd, runId }: RunPlace): Promise<Planted> {
  if (!existsSync(join(cwd, '.git'))) return {};
  const before = readCheckoutClaim(gitDirs(cwd).gitDir, runId)?.surroundings;
  if (before === undefined) return plantedIn(cwd);
  const programs = await readPrograms(cwd);
  return { ...plantedAmong(cwd)?.(programs), ...added(before.programs, programs) };
}
