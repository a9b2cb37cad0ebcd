/** What a worker knows of the worktrees it made: a file beside each, written before anything is made. */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { knownArtifacts } from '../git/contents/artifacts.ts';
import { sparsePatterns } from '../git/worktrees/sparse.ts';
import { repositorySnapshot } from '../git/trust/repository-snapshot.ts';
import { unfinished } from '../git/contents/unfinished.ts';
import { SubagentsError, verification, type SubagentRef } from '../contract/index.ts';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../system/files.ts';

const workspaceRecord = z.object({
  workflowId: z.string(),
  /** First execution run id. */
  runId: z.string(),
  repo: z.string(),
  base: z.string(),
  /** Where its branch begins, when that is not the base: the caller's uncommitted changes on top of it. */
  start: z.string().optional(),
  /** The branch that is being made, or was. */
  branch: z.string(),
  /** `making` until the worktree has been whole once: only what never was may be thrown away. */
  state: z.enum(['making', 'ready']),
  /** The folder that was made for it; see `folderId`. */
  folder: z.string().optional(),
  /** When every file in it was as a checkout writes it, ISO 8601. */
  written: z.string().optional(),
  /** What its sparse checkout had before its subagent began; null: everything. */
  sparse: sparsePatterns.nullable().optional(),
  /** What lay around it when it was made. */
  snapshot: repositorySnapshot.optional(),
  /** Whether programs that its repository alone configures run for it. */
  trustRepo: z.boolean().default(false),
  /** What git was in the middle of at the end of its turns, as far as it is still so. */
  unfinished: z.array(unfinished).default([]),
  /** Branches beside its own that work went to when it was collected. */
  aside: z.array(z.string()).optional(),
  /** What was to be said of the making. */
  notes: z.array(z.string()).default([]),
  /** `running` from before the first set-up command on; what is `over` never runs again. */
  setUp: z
    .discriminatedUnion('state', [
      z.object({ state: z.literal('running') }),
      z.object({
        state: z.literal('over'),
        results: z.array(verification),
        problem: z.string().optional(),
        notes: z.array(z.string()),
      }),
    ])
    .optional(),
  /** Untracked files that set-up made: not the subagent's, so not committed with its work while they are as they were left. */
  leftBySetUp: knownArtifacts.default({}),
  /** The same of verification commands. */
  leftByVerification: knownArtifacts.default({}),
  /** What git ignored there before the subagent began, and what verification commands have made of it. */
  ignored: knownArtifacts.default({}),
  /** While verification commands run: the untracked files that there were before. */
  verifying: z.object({ untracked: z.array(z.string()) }).optional(),
});
export type WorkspaceRecord = z.infer<typeof workspaceRecord>;

/**
 * The name of what belongs to one run of a subagent: readable, and its own also where another server or an earlier
 * home had a run of the same label and number. `:` is legal in a session's name, but not in a PATH.
 */
export function runFolder({ session, label, run, runId }: SubagentRef): string {
  const ending = runId.replace(/[^A-Za-z0-9]/g, '').slice(-8);
  return join(session.replaceAll(':', '_'), `${label}@${run}-${ending}`);
}

const recordPath = (cwd: string): string => `${cwd}.json`;

/** The record of the worktree at `cwd`. @throws SubagentsError INTERNAL when it is unreadable */
export function readWorkspaceRecord(cwd: string): WorkspaceRecord | undefined {
  const text = readIfThere(recordPath(cwd));
  if (text === undefined) return undefined;
  try {
    return workspaceRecord.parse(JSON.parse(text));
  } catch (error) {
    throw new SubagentsError('INTERNAL', `${recordPath(cwd)} is unreadable`, {
      remedy: `Save what you need of ${cwd}, then remove both.`,
      cause: error,
    });
  }
}

/**
 * Writes the record. It is not synced to the disk: after a power failure an older state may be back, but then so is that
 * of the worktree, which lies beside it and was written later.
 * @throws SubagentsError DISK_FULL, INTERNAL
 */
export function writeWorkspaceRecord(cwd: string, record: WorkspaceRecord): void {
  ensurePrivateDir(dirname(cwd));
  writePrivateFile(recordPath(cwd), `${JSON.stringify(record, undefined, 2)}\n`);
}
