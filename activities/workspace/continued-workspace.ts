/** The workspace of a continued subagent: the previous run's workspace, with missing parts restored. */
import { existsSync, rmSync } from 'node:fs';
import {
  SubagentsError,
  type Continuation,
  type ResolvedSpec,
  type SubagentRef,
} from '../../src/contract/index.ts';
import { branchTip } from '../../src/git/branches/branch.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { includeIgnored } from '../../src/git/worktrees/include.ts';
import type { ContentSettings } from '../../src/git/trust/content-settings.ts';
import { readRepositorySnapshot, type RepositorySnapshot } from '../../src/git/trust/repository-snapshot.ts';
import { requireFilters } from '../../src/git/trust/needed-filters.ts';
import { requireWalls } from '../../src/home/sandboxes.ts';
import { readSparse } from '../../src/git/worktrees/sparse.ts';
import { addSubmodules } from '../../src/git/worktrees/submodules.ts';
import { addWorktree, checkedOutIn, discardWorktree } from '../../src/git/worktrees/worktree.ts';
import { folderId } from '../../src/system/own-folder.ts';
import { readableWorktreeStatus } from '../../src/git/commits/own-index.ts';
import { snapshotIgnored } from '../evidence/ignored.ts';
import { restoreRecorded } from './workspace-common.ts';
import {
  readWorkspaceRecord,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../../src/home/workspace-record.ts';
import { Git } from '../../src/git/git.ts';

/**
 * Checks that the run's branch can be continued, before anything is created.
 * @throws SubagentsError BRANCH_GONE; CHECKOUT_BUSY when the branch is checked out elsewhere
 */
export async function checkBranch(
  { run, repository, branch, cwd }: Continuation,
  label: string,
): Promise<void> {
  if (branch === null || cwd === repository) return;
  if ((await branchTip(Git.at(repository), branch)) === undefined) {
    throw new SubagentsError(
      'BRANCH_GONE',
      `${branch}, the branch of ${label}@${run}, is gone from ${repository}`,
      {
        remedy: 'Spawn it again, and put what it needs of the earlier work into the task.',
      },
    );
  }
  const [elsewhere] = (await checkedOutIn(Git.at(repository), branch)).filter((folder) => folder !== cwd);
  if (elsewhere === undefined) return;
  throw new SubagentsError(
    'CHECKOUT_BUSY',
    `${branch}, the branch of ${label}@${run}, is checked out in ${elsewhere}`,
    {
      remedy: `Check out another branch there, then continue the subagent.`,
    },
  );
}

/**
 * Takes over the worktree of the previous run and keeps its files. A missing worktree is made again from its
 * branch.
 * @throws SubagentsError as `checkBranch`; GIT, DISK_FULL
 */
export async function continueWorktree(
  { subagent, spec, continues }: { subagent: SubagentRef; spec: ResolvedSpec; continues: Continuation },
  git: Git,
): Promise<{ record: WorkspaceRecord; notes: readonly string[] }> {
  const { cwd, repository, branch } = continues;
  if (branch === null) throw new Error('a worktree without a branch');
  await checkBranch(continues, subagent.label);
  const tip = await branchTip(git.in(repository), branch);
  if (!spec.trustRepo) await requireFilters(git.in(repository), spec.base.commit);
  const found = readWorkspaceRecord(cwd);
  if (spec.sandbox) requireWalls(cwd);
  // A sandboxed subagent works in a repository of its own.
  const own = found?.sandbox === undefined ? repository : found.repo;
  const place = { cwd, commonDir: gitDirs(own).commonDir };
  if (found === undefined && existsSync(cwd)) {
    throw new SubagentsError('GIT', `${cwd} exists, but has no record that says which subagent made it`, {
      remedy: 'Save what you need from it, then remove it.',
    });
  }
  const { workflowId, runId } = subagent;
  const record: WorkspaceRecord = {
    repo: own,
    base: spec.base.commit,
    branch,
    leftBySetUp: {},
    leftByVerification: {},
    unfinished: [],
    ignored: {},
    ...(existsSync(cwd) ? found : undefined),
    workflowId,
    runId,
    state: 'ready',
    notes: [],
    trustRepo: spec.trustRepo,
    ...(found?.runId !== runId && { setUp: keptSetUp(found) }),
    ...(found?.runId !== runId && {
      snapshot: await newSnapshot(git.in(repository), found?.snapshot?.readings),
    }),
  };
  if (found?.state === 'ready' && existsSync(cwd)) {
    // Write the record first: from now on the worktree belongs to a live run.
    writeWorkspaceRecord(cwd, record);
    const restored = await restoreRecorded(place, record, git);
    return { record: readWorkspaceRecord(cwd) ?? record, notes: restored };
  }
  const notes = [`the worktree had been removed; it was made again from ${branch}`];
  writeWorkspaceRecord(cwd, { ...record, state: 'making' });
  let written: string;
  try {
    await discardWorktree(place);
    await addWorktree(place, branch, git);
    written = new Date().toISOString();
    notes.push(...(await addSubmodules(git.in(cwd), repository)));
    if (tip !== undefined)
      notes.push(...(await includeIgnored({ from: repository, to: cwd, commit: tip }, git)));
  } catch (error) {
    await discardWorktree(place).catch(() => undefined);
    rmSync(`${cwd}.json`, { force: true });
    throw error;
  }
  const whole: WorkspaceRecord = {
    ...record,
    folder: folderId(cwd),
    ignored: await snapshotIgnored(git.in(cwd), await readableWorktreeStatus(git.in(cwd))),
    sparse: await readSparse(git.in(cwd)),
    written,
  };
  writeWorkspaceRecord(cwd, whole);
  return { record: whole, notes };
}

/** Returns the set-up to keep. A failed set-up is run again, since its cause may have been fixed. */
function keptSetUp(before: WorkspaceRecord | undefined): WorkspaceRecord['setUp'] {
  const { setUp } = before ?? {};
  return setUp?.state === 'over' && setUp.problem !== undefined ? undefined : setUp;
}

/**
 * Returns a new snapshot with the previous run's `readings`: that run may have changed the settings for reading
 * files since, and such changes must not become permanent.
 */
async function newSnapshot(git: Git, readings: ContentSettings | undefined): Promise<RepositorySnapshot> {
  return { ...(await readRepositorySnapshot(git)), ...(readings && { readings }) };
}
