/**
 * Keeps what finished subagents leave within limits of age and size. The oldest are removed first, under the rules of
 * `clean`: a commit that is on no other branch, or an uncommitted file, is never dropped. A worktree whose work is all
 * on its branch is removed; the branch stays until it is merged.
 */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cleanRun, type CleanDependencies } from '../../../activities/ending/clean.ts';
import { laterRun, readRuns, type RunRecord } from '../../home/run-record.ts';
import { withCloneLockIfFree, listClones, removeClone } from '../../home/clones.ts';
import { countUnpushed } from '../../git/branches/unmerged.ts';
import { readWorkspaceRecord, runFolder } from '../../home/workspace-record.ts';
import type { Settings } from '../../home/settings.ts';
import { unusedCaches } from '../../home/sandbox-caches.ts';
import { diskUsage } from '../../system/disk.ts';
import { removeTree } from '../../system/remove-tree.ts';
import { repeat } from './repeat.ts';
import { Git } from '../../git/git.ts';

/** A clone, or a cache, used within this many milliseconds may be needed by a subagent that has no record yet. */
const IN_USE_MS = 60 * 60_000;
/** Milliseconds between checks. */
const EVERY_MS = 60 * 60_000;

/** What retention needs, and its limits. */
export interface RetentionOptions {
  readonly clean: CleanDependencies;
  readonly settings: Pick<Settings, 'keepMs' | 'keepBytes'>;
  /** Called with a line for everything that was removed. */
  readonly log: (line: string) => void;
}

/** Applies retention now and every hour, until stopped. An error is logged, and has no other effect. */
export function startRetention(options: RetentionOptions): { stop(): void } {
  return repeat(async (stopped) => {
    try {
      await applyRetention(options, stopped);
    } catch (error) {
      options.log(`retention failed: ${String(error)}`);
    }
  }, EVERY_MS);
}

/** Applies retention once. */
export async function applyRetention(
  { clean, settings, log }: RetentionOptions,
  stopped: () => boolean = () => false,
): Promise<void> {
  const finished = await finishedRuns(clean);
  let total = 0;
  const sizes = new Map<RunRecord, number>();
  for (const { record, later } of finished) {
    const size = await diskUsage(pathsOf(clean, record, later));
    sizes.set(record, size);
    total += size;
  }
  for (const { record, end } of finished) {
    if (stopped()) return;
    const tooOld = Date.now() - Date.parse(end) > settings.keepMs;
    const tooMuch = total > settings.keepBytes;
    // Only its branch is left.
    if (sizes.get(record) === 0 && !tooOld) continue;
    if (!tooOld && !tooMuch) continue;
    const { removed, kept, freedBytes } = await cleanRun(clean, record, {
      force: false,
      onlyMerged: false,
      dryRun: false,
    });
    total -= freedBytes;
    const name = `${record.subagent.session}/${record.subagent.label}@${record.subagent.run}`;
    const why = tooOld ? 'age' : 'disk space';
    const stays = kept
      .map(({ what, where, why: reason }) => `${what} ${where} is kept: ${reason}`)
      .join('; ');
    if (removed.length > 0)
      log(`retention (${why}): removed ${removed.join(', ')} of ${name}${stays && `; ${stays}`}`);
  }
  const options = { clean, settings, log };
  total = await removeExpendable(options, total, caches(options));
  total = await removeExpendable(options, total, await clones(options));
  if (total > settings.keepBytes)
    log(
      `retention: finished subagents still take ${Math.round(total / 1e6)} MB, more than SUBAGENTS_KEEP_DISK; the rest is work that exists nowhere else`,
    );
}

/** Folders that are made again when they are needed. */
interface Expendable {
  /** What they are, for the log. */
  readonly what: string;
  readonly paths: readonly string[];
  /** Removes one if `isDue` says so, and it may go. @returns whether it did */
  readonly remove: (path: string, isDue: () => boolean) => Promise<boolean>;
}

/** Package caches that no sandbox has. A later one fills them again. */
const caches = ({ clean }: RetentionOptions): Expendable => ({
  what: 'the package caches',
  paths: unusedCaches(clean.home),
  remove: async (path, isDue) => {
    if (!isDue()) return false;
    await removeTree(path);
    return true;
  },
});

/** Clones of URLs. One that a subagent uses, or that has commits of which the remote has none, may not go. */
const clones = async ({ clean }: RetentionOptions): Promise<Expendable> => ({
  what: 'the clone',
  paths: await listClones(clean.home),
  remove: async (path, isDue) => {
    let isRemoved = false;
    // Skips a clone that is being cloned, fetched into or pushed from.
    await withCloneLockIfFree(path, async () => {
      if (!isDue()) return;
      if (readRuns(clean.home).some(({ repository }) => repository === path)) return;
      if ((await countUnpushed(Git.at(path))) > 0) return;
      await removeClone(path);
      isRemoved = true;
    });
    return isRemoved;
  },
});

/**
 * Removes those of the folders that are too old, or that take too much space together with what is there besides.
 * @param before the size of that, in bytes
 * @returns the size with the folders that are left
 */
async function removeExpendable(
  { settings, log }: RetentionOptions,
  before: number,
  { what, paths, remove }: Expendable,
): Promise<number> {
  const sizes = await Promise.all(paths.map((path) => diskUsage([path])));
  let total = sizes.reduce((sum, size) => sum + size, before);
  for (const [index, path] of paths.entries()) {
    const unusedMs = (): number => Date.now() - statSync(path).mtimeMs;
    const isTooOld = (): boolean => unusedMs() > settings.keepMs;
    const isDue = (): boolean => unusedMs() >= IN_USE_MS && (isTooOld() || total > settings.keepBytes);
    try {
      const why = isTooOld() ? 'age' : 'disk space';
      if (!(await remove(path, isDue))) continue;
      total -= sizes[index] ?? 0;
      log(`retention (${why}): removed ${what} ${path}`);
    } catch (error) {
      log(`retention: ${what} ${path} is kept: ${String(error)}`);
    }
  }
  return total;
}

interface FinishedRun {
  readonly record: RunRecord;
  /** The newest run that continued this one. */
  readonly later: RunRecord | undefined;
  /** ISO 8601: when this run, or the one that continued it, ended. */
  readonly end: string;
}

/**
 * Runs that are certainly over, oldest first; of runs that continued each other the last one first, because it owns
 * what they share. A run that the server does not know counts only if its end was recorded here.
 */
async function finishedRuns({ home, runState }: CleanDependencies): Promise<FinishedRun[]> {
  const over: FinishedRun[] = [];
  for (const record of readRuns(home)) {
    const { workflowId, runId } = record.subagent;
    const state = await runState(workflowId, runId);
    if (state !== 'closed' && (state !== 'missing' || record.endedAt === undefined)) continue;
    const later = laterRun(home, record);
    const { endedAt, startedAt } = later ?? record;
    over.push({ record, later, end: endedAt ?? startedAt });
  }
  return over.sort(
    (a, b) => a.end.localeCompare(b.end) || b.record.startedAt.localeCompare(a.record.startedAt),
  );
}

/** The folder of a run's sandbox, if it has one: it is beside neither its worktree nor the caller's repository. */
const sandboxPaths = (cwd: string, repository: string): string[] =>
  readWorkspaceRecord(cwd)?.sandbox === undefined ? [] : [dirname(repository)];

function pathsOf(
  { home }: CleanDependencies,
  { isolation, cwd, subagent, repository }: RunRecord,
  later: RunRecord | undefined,
): string[] {
  const { copilot, outputs } = home.paths;
  const shared = [
    ...(isolation === 'worktree' ? [cwd] : []),
    ...sandboxPaths(cwd, repository),
    join(copilot, 'session-state', subagent.copilotSessionId),
  ];
  return [...(later ? [] : shared), join(outputs, runFolder(subagent))];
}
