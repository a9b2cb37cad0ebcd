/** What a home holds of each run of a subagent: a file for each, from its workspace on until everything of it is removed. */
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
  /** The repository that has the branch. */
  repository: z.string(),
  cwd: z.string(),
  branch: z.string().nullable(),
  base: z.string(),
  /** ISO 8601. */
  startedAt: z.string(),
  /** ISO 8601; absent while it is live, and where its end was not seen by this worker. */
  endedAt: z.string().optional(),
  /** Commands that were ended because their worker had stopped, until that has been told. */
  killedCommands: z.array(z.string()).optional(),
});
export type RunRecord = z.infer<typeof runRecord>;

interface RunHome {
  readonly paths: { readonly runs: string };
}

const SUFFIX = '.json';
const MAX_CUT_OFF = 10;
/** Where the record of a run lies, for as long as anything of it is left. */
const runRecordPath = (home: RunHome, subagent: SubagentRef): string =>
  join(home.paths.runs, `${runFolder(subagent)}${SUFFIX}`);

/** Notes what a run has here. A record that is there already keeps when it began. @throws SubagentsError DISK_FULL, INTERNAL */
export function noteRun(
  home: RunHome,
  record: Omit<RunRecord, 'startedAt' | 'endedAt' | 'killedCommands'>,
): void {
  const known = readRecord(runRecordPath(home, record.subagent));
  const { startedAt = new Date().toISOString(), killedCommands } = known ?? {};
  write(home, { ...record, startedAt, killedCommands });
}

/**
 * Notes that a run is over, where there is room on the disk: a run must also end where there is none. Gives its record, nothing
 * where there is none.
 */
export function noteRunEnded(home: RunHome, subagent: SubagentRef): RunRecord | undefined {
  const record = readRecord(runRecordPath(home, subagent));
  try {
    if (record) write(home, { ...record, endedAt: new Date().toISOString() });
  } catch {
    // As if its end had not been seen here.
  }
  return record;
}

/** Whether the end of the run was seen here. */
export const hasEnded = (home: RunHome, subagent: SubagentRef): boolean =>
  readRecord(runRecordPath(home, subagent))?.endedAt !== undefined;

/** Notes commands of a Copilot session's live run that were ended because their worker had stopped. */
export function recordKilledCommands(
  home: RunHome,
  copilotSessionId: string,
  commands: readonly string[],
): void {
  const record = readRuns(home).find(
    ({ subagent, endedAt }) => subagent.copilotSessionId === copilotSessionId && endedAt === undefined,
  );
  if (record === undefined || commands.length === 0) return;
  const killedCommands = [...new Set([...(record.killedCommands ?? []), ...commands])].slice(0, MAX_CUT_OFF);
  write(home, { ...record, killedCommands });
}

/** Those of a run that have not been told of. */
export function killedCommands(home: RunHome, subagent: SubagentRef): readonly string[] {
  return readRecord(runRecordPath(home, subagent))?.killedCommands ?? [];
}

/** When the run ended, as far as this worker saw it; ISO 8601. */
export function endOf(home: RunHome, subagent: SubagentRef): string | undefined {
  return readRecord(runRecordPath(home, subagent))?.endedAt;
}

/** Notes that the run is live again: its server is an older copy. @throws SubagentsError DISK_FULL, FILE_ACCESS */
export function noteLiveAgain(home: RunHome, subagent: SubagentRef): void {
  const record = readRecord(runRecordPath(home, subagent));
  if (record?.endedAt !== undefined) write(home, { ...record, endedAt: undefined });
}

/** Notes that they have been told of. */
export function recordKilledCommandsTold(home: RunHome, subagent: SubagentRef): void {
  const record = readRecord(runRecordPath(home, subagent));
  if (record?.killedCommands) write(home, { ...record, killedCommands: undefined });
}

/** Forgets a run, once nothing of it is left. */
export function forgetRun(home: RunHome, subagent: SubagentRef): void {
  rmSync(runRecordPath(home, subagent), { force: true });
}

/** The records of this home. One that cannot be read is left out: it never keeps the others from being found. */
export function readRuns({ paths }: RunHome): RunRecord[] {
  return names(paths.runs).flatMap((name) => readRecord(join(paths.runs, name)) ?? []);
}

/**
 * The newest run that has gone on with what this one had, its worktree or its Copilot session: what they share is that one's by now.
 */
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

/** The branches in `repository` of runs that were over, all of them, at the time `since` (ISO 8601): nobody has worked on them from then on. */
export function branchesOver(home: RunHome, repository: string, since: string): ReadonlySet<string> {
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
