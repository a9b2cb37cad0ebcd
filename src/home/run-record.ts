/**
 * Run records: a file for each run of a subagent that has files in this home, from the creation of its workspace
 * until all parts are removed.
 */
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { SubagentRef } from '../contract/index.ts';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../system/files.ts';
import { runFolder } from './workspace-record.ts';

const runRecord = z.object({
  subagent: z.object({
    session: z.string(),
    label: z.string(),
    run: z.number().int(),
    workflowId: z.string(),
    /** First execution run id. */
    runId: z.string(),
    copilotSessionId: z.string(),
  }),
  isolation: z.enum(['worktree', 'in-place']),
  /** The repository that contains the branch. */
  repository: z.string(),
  cwd: z.string(),
  branch: z.string().nullable(),
  base: z.string(),
  /** ISO 8601. */
  startedAt: z.string(),
  /** ISO 8601; absent while the run is live, and when this worker did not see its end. */
  endedAt: z.string().optional(),
  /** Commands that were killed because their worker stopped, until they have been reported to the subagent. */
  killedCommands: z.array(z.string()).optional(),
});
/** The record of one run of a subagent. */
export type RunRecord = z.infer<typeof runRecord>;

/** What is needed of a home to find its runs. */
export interface RunHome {
  readonly paths: { readonly runs: string };
}

const SUFFIX = '.json';
const MAX_KILLED_COMMANDS = 10;
/** The path of a run's record. */
const runRecordPath = (home: RunHome, subagent: SubagentRef): string =>
  join(home.paths.runs, `${runFolder(subagent)}${SUFFIX}`);

/**
 * Writes the record of a run; an existing record keeps its start time.
 * @throws SubagentsError DISK_FULL, INTERNAL
 */
export function recordRun(
  home: RunHome,
  record: Omit<RunRecord, 'startedAt' | 'endedAt' | 'killedCommands'>,
): void {
  const known = readRecord(runRecordPath(home, record.subagent));
  const { startedAt = new Date().toISOString(), killedCommands } = known ?? {};
  write(home, { ...record, startedAt, killedCommands });
}

/**
 * Records the end of a run. Ignores a failure to write, since a run must be able to end on a full disk too. Returns
 * the record; undefined when there is none.
 */
export function recordRunEnded(home: RunHome, subagent: SubagentRef): RunRecord | undefined {
  const record = readRecord(runRecordPath(home, subagent));
  try {
    if (record) write(home, { ...record, endedAt: new Date().toISOString() });
  } catch {
    // Same as when this worker did not see the end.
  }
  return record;
}

/** Whether this worker saw the run end. */
export const hasEnded = (home: RunHome, subagent: SubagentRef): boolean =>
  readRecord(runRecordPath(home, subagent))?.endedAt !== undefined;

/** Records commands of a Copilot session's live run that were killed because their worker stopped. */
export function recordKilledCommands(
  home: RunHome,
  copilotSessionId: string,
  commands: readonly string[],
): void {
  const record = readRuns(home).find(
    ({ subagent, endedAt }) => subagent.copilotSessionId === copilotSessionId && endedAt === undefined,
  );
  if (record === undefined || commands.length === 0) return;
  const killedCommands = [...new Set([...(record.killedCommands ?? []), ...commands])].slice(
    0,
    MAX_KILLED_COMMANDS,
  );
  write(home, { ...record, killedCommands });
}

/** Returns the killed commands of a run that have not been reported yet. */
export function killedCommands(home: RunHome, subagent: SubagentRef): readonly string[] {
  return readRecord(runRecordPath(home, subagent))?.killedCommands ?? [];
}

/** Returns when the run ended, if this worker saw that; ISO 8601. */
export function runEndedAt(home: RunHome, subagent: SubagentRef): string | undefined {
  return readRecord(runRecordPath(home, subagent))?.endedAt;
}

/**
 * Records that the run is live again, because its server was restored from an older copy.
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function recordRunLiveAgain(home: RunHome, subagent: SubagentRef): void {
  const record = readRecord(runRecordPath(home, subagent));
  if (record?.endedAt !== undefined) write(home, { ...record, endedAt: undefined });
}

/** Records that the killed commands have been reported. */
export function recordKilledCommandsReported(home: RunHome, subagent: SubagentRef): void {
  const record = readRecord(runRecordPath(home, subagent));
  if (record?.killedCommands) write(home, { ...record, killedCommands: undefined });
}

/** Removes the record of a run whose parts are all removed. */
export function deleteRunRecord(home: RunHome, subagent: SubagentRef): void {
  rmSync(runRecordPath(home, subagent), { force: true });
}

/** Returns the records of this home. Unreadable records are skipped, so that they do not hide the others. */
export function readRuns({ paths }: RunHome): RunRecord[] {
  return names(paths.runs).flatMap((name) => readRecord(join(paths.runs, name)) ?? []);
}

/** Returns the newest run that continued this one's worktree or Copilot session, and now owns it. */
export function laterRun({ paths }: RunHome, record: RunRecord): RunRecord | undefined {
  const { subagent, isolation, cwd, startedAt } = record;
  const folder = join(paths.runs, dirname(runFolder(subagent)));
  return names(folder)
    .filter((name) => name.startsWith(`${subagent.label}@`))
    .flatMap((name) => readRecord(join(folder, name)) ?? [])
    .filter((other) => other.startedAt > startedAt)
    .filter(
      (other) =>
        other.subagent.copilotSessionId === subagent.copilotSessionId ||
        (isolation === 'worktree' && other.cwd === cwd),
    )
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt))[0];
}

/**
 * Returns the branches in `repository` whose runs had all ended before `since` (ISO 8601), so that no run has
 * worked on them since.
 */
export function branchesOfEndedRuns(home: RunHome, repository: string, since: string): ReadonlySet<string> {
  const runs = readRuns(home).filter((run) => run.repository === repository);
  const over = new Set(runs.flatMap(({ branch }) => branch ?? []));
  for (const { branch, endedAt } of runs)
    if (branch !== null && (endedAt === undefined || endedAt >= since)) over.delete(branch);
  return over;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(SUFFIX));
  } catch {
    return []; // no run yet
  }
}

function write(home: RunHome, record: RunRecord): void {
  const path = runRecordPath(home, record.subagent);
  ensurePrivateDir(dirname(path));
  writePrivateFile(path, `${JSON.stringify(record, undefined, 2)}\n`);
}

function readRecord(path: string): RunRecord | undefined {
  try {
    return runRecord.parse(JSON.parse(readIfThere(path) ?? ''));
  } catch {
    return undefined;
  }
}
