/**
 * Settles a worktree after a subagent's turn: all of its work is on its branch (or on a branch beside it, named in
 * the notes), the branch is checked out, and nothing is left uncommitted. The branch only moves forward, unless it
 * had no commits of its own.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { branchTip, createBranch } from '../branches/branch.ts';
import { isAncestor } from '../repository.ts';
import { classifyUntracked, type KnownArtifacts } from '../contents/artifacts.ts';
import { commitLeftovers, readLeftovers, type Leftovers } from './leftovers.ts';
import { excludedFromCommit } from './commit-limits.ts';
import { statusWithIndex, withOwnIndex, type OwnIndex } from './own-index.ts';
import { resetTracked } from './reset-tracked.ts';
import { gitDirs } from '../git-dirs.ts';
import type { Git } from '../git.ts';
import { removeStaleLocks } from '../locks/stale-locks.ts';
import type { CheckoutStatus } from '../contents/status.ts';
import type { Unsaved } from '../../contract/index.ts';

/** The state of a settled worktree. */
export interface CommittedWorktree {
  /** The commit at the tip of the branch. */
  readonly head: string;
  readonly notes: readonly string[];
  /** Work in the worktree that none of its commits contains. */
  readonly unsaved: readonly Unsaved[];
  /** Branches beside it with work that the branch does not contain. */
  readonly sideBranches: readonly string[];
}

/** The worktree to settle. */
export interface CommitWorktreeInput {
  readonly cwd: string;
  readonly branch: string;
  /** Where the branch began. */
  readonly base: string;
  /** Stem of the names of branches beside it: `subagents/<stem>`. */
  readonly stem: string;
  /** Message of the commit that holds what was left uncommitted. */
  readonly message: string;
  /** Files that our own commands left: not the subagent's work as long as they are unchanged. */
  readonly commandArtifacts: readonly KnownArtifacts[];
}

/** The result when the branch moved meanwhile. */
interface Moved extends Pick<CommittedWorktree, 'sideBranches'> {
  readonly moved: readonly string[];
}

interface Found extends CommitWorktreeInput {
  readonly gitDir: string;
  readonly status: CheckoutStatus;
  readonly git: Git;
}

/** How often settling is repeated when a process that the subagent left running commits meanwhile. */
const MAX_MOVES = 5;

/** Settles the worktree; repeats when the branch moves meanwhile. @throws SubagentsError GIT, DISK_FULL */
export async function commitWorktree(input: CommitWorktreeInput, git: Git): Promise<CommittedWorktree> {
  // Branches that earlier rounds created beside it still exist.
  const before: string[] = [];
  const aside: string[] = [];
  for (let moves = 0; ; moves++) {
    const settled = await tryCommit(input, git, moves < MAX_MOVES);
    aside.push(...settled.sideBranches);
    if ('head' in settled)
      return { ...settled, sideBranches: aside, notes: [...new Set([...before, ...settled.notes])] };
    before.push(...settled.moved);
  }
}

async function tryCommit(
  input: CommitWorktreeInput,
  git: Git,
  mayMove: boolean,
): Promise<CommittedWorktree | Moved> {
  return withOwnIndex(git.in(input.cwd), (index) =>
    commitWithIndex(index, input, git.in(input.cwd), mayMove),
  );
}

async function commitWithIndex(
  index: OwnIndex,
  input: CommitWorktreeInput,
  git: Git,
  mayMove: boolean,
): Promise<CommittedWorktree | Moved> {
  const { cwd, branch } = input;
  const { gitDir, commonDir } = gitDirs(cwd);
  const status = await statusWithIndex(index);
  const {
    unchanged,
    entries: leaveOut,
    within,
  } = await classifyUntracked(cwd, status.untracked, input.commandArtifacts, true);
  const unreadable = status.unreadable.map((path) => ({ path, reason: 'it cannot be read' }));
  const clean =
    unreadable.length === 0 &&
    status.changed.length === 0 &&
    status.untracked.every((path) => unchanged.has(path));
  const underway = operationUnderway(gitDir);
  if (status.branch === branch && status.head !== undefined && clean && !underway) {
    return { head: status.head, notes: leftOut(leaveOut), unsaved: [], sideBranches: [] };
  }

  await removeStaleLocks({ gitDir, commonDir, branch });
  const found: Found = { ...input, gitDir, status, git };
  const inFolders = status.changed
    .map(({ path }) => path)
    .filter((path) => leaveOut.some((entry) => entry.endsWith('/') && path.startsWith(entry)));
  const overLimits = await excludedFromCommit(git, status, unchanged);
  const leftovers = await readLeftovers(
    {
      cwd,
      status,
      within: [...within, ...inFolders],
      leaveOut: [...leaveOut, ...overLimits.flatMap(({ paths }) => paths)],
    },
    index.git,
  );
  const unsaved = [
    ...unreadable,
    ...leftovers.unsaved,
    ...overLimits.map(({ path, reason }) => ({ path, reason })),
  ];
  const tip = status.branch === branch ? status.head : await branchTip(git, branch);
  const { saved, notes: savedNotes } = await saveLeftovers(found, leftovers, tip);
  const { target, notes, aside = [] } = await chooseTip(found, saved, tip);

  try {
    const update = [
      'update-ref',
      '--no-deref',
      '-m',
      'subagents: collected',
      `refs/heads/${branch}`,
      target,
      tip ?? '',
    ];
    await git.run(update);
  } catch (error) {
    if (mayMove && (await branchTip(git, branch)) !== tip) return { moved: notes, sideBranches: aside };
    throw error;
  }
  const operationNotes = underway ? await endOperation(underway, git) : [];
  if (status.branch !== branch) {
    await git.run(['symbolic-ref', '-m', 'subagents: collected', 'HEAD', `refs/heads/${branch}`]);
  }
  await index.adopt();
  const putBackNotes = target === saved ? [] : await checkOut(git, { target, saved });
  const conflicts = status.changed.filter(({ unmerged }) => unmerged).map(({ path }) => path);
  return {
    head: target,
    unsaved,
    sideBranches: aside,
    notes: [
      ...operationNotes,
      ...(conflicts.length > 0
        ? [
            `conflicts were left unresolved in ${conflicts.slice(0, 10).join(', ')}; the files were committed with them`,
          ]
        : []),
      ...savedNotes,
      ...notes,
      ...putBackNotes,
      ...leftOut(leaveOut),
    ],
  };
}

/** Replaces the files of `saved` with those of `target`, the commit that HEAD was moved to. */
async function checkOut(git: Git, { target, saved }: { target: string; saved: string }): Promise<string[]> {
  const why = 'Files that were in the places of files of the branch';
  const { keptRef } = await resetTracked(git, { to: target, why, known: [saved] });
  return keptRef === undefined
    ? []
    : [`the worktree had other files than the branch in the same places; they are kept in ${keptRef}`];
}

/** Returns the commit with the folder's state: a new one for uncommitted changes, otherwise an existing one. */
async function saveLeftovers(
  found: Found,
  { tree }: Leftovers,
  tip: string | undefined,
): Promise<{ saved: string; notes: string[] }> {
  const { git, status, message } = found;
  const isAt = async (commit: string): Promise<boolean> =>
    (await git.run(['rev-parse', `${commit}^{tree}`])) === tree;
  if (status.head !== undefined) {
    if (await isAt(status.head)) return { saved: status.head, notes: [] };
    // The branch may already have this state, when an earlier attempt to collect was interrupted.
    if (
      tip !== undefined &&
      tip !== status.head &&
      (await isAt(tip)) &&
      (await isAncestor(git, status.head, tip))
    ) {
      return { saved: tip, notes: [] };
    }
  }
  const saved = await commitLeftovers(found, { tree, message }, git);
  return { saved, notes: ['the subagent left uncommitted changes; they were committed in its name'] };
}

/** Chooses the commit for the branch. Work outside that commit's history gets a branch beside it. */
async function chooseTip(
  { git, branch, base, stem, status, gitDir }: Found,
  saved: string,
  tip: string | undefined,
): Promise<{ target: string; notes: string[]; aside?: string[] }> {
  if (status.branch === branch) return { target: saved, notes: [] };
  const was = status.branch === undefined ? 'no branch' : `the branch ${status.branch}`;
  const left = `the worktree had ${was} checked out instead of ${branch}`;
  if (tip === undefined) {
    const also = status.branch === undefined ? '' : `, with the work of ${status.branch}`;
    return { target: saved, notes: [`${branch} had been deleted; it was made again${also}`] };
  }
  if (await isAncestor(git, tip, saved)) {
    return {
      target: saved,
      notes: saved === tip ? [left] : [`${left}; ${branch} was moved forward to that work`],
    };
  }
  if (await isAncestor(git, saved, tip))
    return { target: tip, notes: [`${left}; ${branch} is ahead of it and was checked out again`] };
  // Both the branch and the checked-out commit have work. Prefer what the subagent checked out, unless it only
  // looked at an earlier commit or was rebasing.
  const lookedBack = status.head !== undefined && (await isAncestor(git, status.head, tip));
  const keepTip = lookedBack || isRebasing(gitDir);
  const aside = keepTip ? saved : tip;
  if (!keepTip && tip === base)
    return { target: saved, notes: [`${left}; ${branch} had no work and was moved to it`] };
  const asideBranch = await createBranch(git, {
    stem: `${stem}-aside`,
    commit: aside,
    mark: 'subagents: kept aside',
  });
  const what = keepTip ? 'the checked-out work' : `the earlier work of ${branch}`;
  return {
    target: keepTip ? tip : saved,
    notes: [`${left}; the two had diverged, so ${what} is kept on ${asideBranch}`],
    aside: [asideBranch],
  };
}

type Operation = 'rebase' | 'am' | 'merge' | 'cherry-pick' | 'revert' | 'bisect';

/** The operation with its article: `a merge`, `an am`. */
export const withArticle = (operation: string): string =>
  `${/^[aeiou]/.test(operation) ? 'an' : 'a'} ${operation}`;

/** Returns the git operation that is in progress in the worktree. @param gitDir the worktree's own git folder */
export function operationUnderway(gitDir: string): Operation | undefined {
  const there = (name: string): boolean => existsSync(join(gitDir, name));
  if (there('rebase-merge')) return 'rebase';
  if (there('rebase-apply')) return there('rebase-apply/applying') ? 'am' : 'rebase';
  if (there('MERGE_HEAD')) return 'merge';
  if (there('CHERRY_PICK_HEAD')) return 'cherry-pick';
  if (there('REVERT_HEAD')) return 'revert';
  if (there('sequencer')) return 'cherry-pick';
  return there('BISECT_LOG') ? 'bisect' : undefined;
}

const isRebasing = (gitDir: string): boolean => operationUnderway(gitDir) === 'rebase';

/** Ends the operation without touching files; changes that it had autostashed go to the stash list. */
async function endOperation(operation: Operation, git: Git): Promise<string[]> {
  // Resetting a bisect to HEAD is the only way to end it without touching files.
  await git.try(operation === 'bisect' ? ['bisect', 'reset', 'HEAD'] : [operation, '--quit']);
  return [`${withArticle(operation)} was left unfinished; it was ended without changing files`];
}

function leftOut(paths: readonly string[]): string[] {
  if (paths.length === 0) return [];
  return [`not committed, because set-up or verification made them: ${paths.slice(0, 10).join(', ')}`];
}
