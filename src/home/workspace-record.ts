/** Records of the worktrees that a worker made: a file beside each worktree, written before anything is made. */
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { knownArtifacts } from '../git/contents/artifacts.ts';
import { sparsePatterns } from '../git/worktrees/sparse.ts';
import { repositorySnapshot } from '../git/trust/repository-snapshot.ts';
import { unfinished } from '../git/contents/unfinished.ts';
import { SubagentsError, verification, type Isolation, type SubagentRef } from '../contract/index.ts';
import { ensurePrivateDir, readIfThere, writePrivateFile } from '../system/files.ts';

const workspaceRecord = z.object({
  workflowId: z.string(),
  /** First execution run id. */
  runId: z.string(),
  repo: z.string(),
  base: z.string(),
  /** Where the branch begins when that is not `base`: at a commit with the caller's uncommitted changes. */
  start: z.string().optional(),
  /** The branch of the worktree; it may not be created yet. */
  branch: z.string(),
  /** `making` until the worktree has been complete once: only a worktree in this state may be discarded. */
  state: z.enum(['making', 'ready']),
  /** The id of the worktree's folder; see `folderId`. */
  folder: z.string().optional(),
  /** When every file was as a checkout writes it, ISO 8601. */
  written: z.string().optional(),
  /** The sparse patterns before the subagent began; null: everything was checked out. */
  sparse: sparsePatterns.nullable().optional(),
  /** A snapshot of the repository when the worktree was made. */
  snapshot: repositorySnapshot.optional(),
  /** Whether git may run programs that only the repository itself configures. */
  trustRepo: z.boolean().default(false),
  /** Of a sandboxed subagent: the caller's repository. `repo` is its private one. */
  sandbox: z.object({ caller: z.string() }).optional(),
  /** Git operations that were unfinished at the end of a turn and still are. */
  unfinished: z.array(unfinished).default([]),
  /** Branches beside its own that received work when the work was collected. */
  aside: z.array(z.string()).optional(),
  /** Notes from making the worktree. */
  notes: z.array(z.string()).default([]),
  /** `running` is written before the first set-up command; a set-up that is `over` never runs again. */
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
  /**
   * Untracked files that set-up made. They are not committed as the subagent's work as long as they are unchanged.
   */
  leftBySetUp: knownArtifacts.default({}),
  /** The same for files that verification commands made. */
  leftByVerification: knownArtifacts.default({}),
  /** Files that git ignored before the subagent began, and ignored files that verification commands made. */
  ignored: knownArtifacts.default({}),
  /** While verification commands run: the untracked files from before. */
  verifying: z.object({ untracked: z.array(z.string()) }).optional(),
});
/** The record of one worktree. */
export type WorkspaceRecord = z.infer<typeof workspaceRecord>;

/**
 * Returns the name for files of one run of a subagent: readable, and unique even when another server or an earlier
 * home had a run with the same label and number. `:` is allowed in a session's name but not in PATH.
 */
export function runFolder({ session, label, run, runId }: SubagentRef): string {
  const ending = runId.replace(/[^A-Za-z0-9]/g, '').slice(-8);
  return join(session.replaceAll(':', '_'), `${label}@${run}-${ending}`);
}

const recordPath = (cwd: string): string => `${cwd}.json`;

/** Reads the record of the worktree at `cwd`. @throws SubagentsError INTERNAL when it is unreadable */
export function readWorkspaceRecord(cwd: string): WorkspaceRecord | undefined {
  const text = readIfThere(recordPath(cwd));
  if (text === undefined) return undefined;
  try {
    return workspaceRecord.parse(JSON.parse(text));
  } catch (error) {
    throw new SubagentsError('INTERNAL', `${recordPath(cwd)} cannot be read`, {
      remedy: `Save what you need from ${cwd}, then remove both.`,
      cause: error,
    });
  }
}

/**
 * Returns the record of a run's worktree. In-place there is none: a file of that name beside the checkout is the user's.
 * @throws SubagentsError INTERNAL when it is unreadable
 */
export function recordOfRun({
  isolation,
  cwd,
}: {
  readonly isolation: Isolation;
  readonly cwd: string;
}): WorkspaceRecord | undefined {
  return isolation === 'worktree' ? readWorkspaceRecord(cwd) : undefined;
}

/**
 * Writes the record without syncing it to disk: after a power failure an older state may be back, but then the
 * worktree beside it, which was written later, is in an older state too.
 * @throws SubagentsError DISK_FULL, INTERNAL
 */
export function writeWorkspaceRecord(cwd: string, record: WorkspaceRecord): void {
  ensurePrivateDir(dirname(cwd));
  writePrivateFile(recordPath(cwd), `${JSON.stringify(record, undefined, 2)}\n`);
}
