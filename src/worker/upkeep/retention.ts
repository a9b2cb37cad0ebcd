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
  total = await cleanCaches({ clean, settings, log }, total);
  total = await cleanClones({ clean, settings, log }, total);
  if (total > settings.keepBytes)
    log(
      `retention: finished subagents still take ${Math.round(total / 1e6)} MB, more than SUBAGENTS_KEEP_DISK; the rest is work that exists nowhere else`,
    );
}

/**
 * Removes package caches that no sandbox has any more; a later one fills them again. Returns the size of what finished
 * subagents and caches now take, in bytes.
 */
async function cleanCaches({ clean, settings, log }: RetentionOptions, before: number): Promise<number> {
  let total = before;
  const unused = await Promise.all(
    unusedCaches(clean.home).map(async (path) => ({ path, size: await diskUsage([path]) })),
  );
  for (const { size } of unused) total += size;
  for (const { path, size } of unused) {
    const age = Date.now() - statSync(path).mtimeMs;
    const tooOld = age > settings.keepMs;
    if (age < IN_USE_MS || (!tooOld && total <= settings.keepBytes)) continue;
    await removeTree(path);
    total -= size;
    log(`retention (${tooOld ? 'age' : 'disk space'}): removed the package caches ${path}`);
  }
  return total;
}

/**
 * Removes clones of URLs that no subagent uses and whose commits are all on the remote; they are cloned again when
 * needed. Returns the size of what finished subagents and clones now take, in bytes.
 */
async function cleanClones({ clean, settings, log }: RetentionOptions, before: number): Promise<number> {
  let total = before;
  const paths = await listClones(clean.home);
  const sizes = new Map(
    await Promise.all(paths.map(async (path) => [path, await diskUsage([path])] as const)),
  );
  for (const size of sizes.values()) total += size;
  for (const path of paths) {
    // `withCloneLockIfFree` skips a clone that is being cloned, fetched into or pushed from.
    const look = withCloneLockIfFree(path, async () => {
      const unused = Date.now() - statSync(path).mtimeMs;
      const tooOld = unused > settings.keepMs;
      if (unused < IN_USE_MS || (!tooOld && total <= settings.keepBytes)) return;
      if (readRuns(clean.home).some(({ repository }) => repository === path)) return;
      if ((await countUnpushed(Git.at(path))) > 0) return;
      await removeClone(path);
      total -= sizes.get(path) ?? 0;
      log(`retention (${tooOld ? 'age' : 'disk space'}): removed the clone ${path}`);
    });
    await look.catch((error: unknown) => log(`retention: the clone ${path} is kept: ${String(error)}`));
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
