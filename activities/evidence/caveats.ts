/** Caveats of a worktree: problems that a reader of the outcome must know. */
import { caveatOf, type Caveat } from '../../src/contract/index.ts';
import { branchTip } from '../../src/git/branches/branch.ts';
import { unfetchableLinks, unfetchableText } from '../../src/git/worktrees/gitlinks.ts';
import { keepLostCommits, lostText, type Move } from '../../src/git/branches/lost-commits.ts';
import type { Git } from '../../src/git/git.ts';
import { stashEntriesOf } from '../../src/git/branches/stash.ts';
import {
  findConflictMarkers,
  conflictMarkersText,
  readUnfinished,
  stillUnfinished,
  unfinishedText,
  type Unfinished,
} from '../../src/git/contents/unfinished.ts';
import { unpushedSubmodules, isMerged } from '../../src/git/branches/unmerged.ts';
import { readWorkspaceRecord, writeWorkspaceRecord } from '../../src/home/workspace-record.ts';

/** A worktree whose work is on its branch. */
export interface CollectedWorktree {
  readonly cwd: string;
  /** The checkout that the subagent was spawned from, or the clone. */
  readonly repo: string;
  readonly commonDir: string;
  readonly branch: string;
  readonly base: string;
  readonly head: string;
  /** Paths that differ between base and head. */
  readonly changed: readonly string[];
  /** The moves of the worktree's HEAD. */
  readonly moves: readonly Move[];
  /** When the subagent began, in milliseconds since the epoch; undefined when unknown. */
  readonly since: number | undefined;
}

/** Returns the caveats of a collected worktree. @throws SubagentsError GIT */
export async function caveatsOf(git: Git, at: CollectedWorktree): Promise<Caveat[]> {
  const { cwd, repo, commonDir, branch, base, head, changed, moves, since } = at;
  const heads = new Set(moves.flatMap(({ from, to }) => [from, to]));
  const [left, marked, missing, links, alone, lost, aside, stashed] = await Promise.all([
    remainingUnfinished(git, head),
    findConflictMarkers(git, { base, head, paths: changed }),
    missingOfBase(git, base, head),
    unfetchableLinks(git, { cwd, repo }, base, head),
    unpushedSubmodules(git, repo),
    keepLostCommits(git, moves, { base, head, since }),
    unmergedSideBranches(git, head),
    stashEntriesOf(git.in(commonDir), { branch, heads, since }),
  ]);
  const named = new Set(links.map(({ path }) => path));
  return [
    ...left.map((each) => caveatOf('unfinished', unfinishedText(each))),
    ...(marked.length > 0 ? [caveatOf('unfinished', conflictMarkersText(marked))] : []),
    ...(missing > 0 ? [caveatOf('base-missing', baseText({ branch, base, missing }))] : []),
    // A link that is no submodule is already reported as unsaved work.
    ...links
      .filter(({ isSubmodule }) => isSubmodule)
      .map((link) => caveatOf('unfetchable-commits', unfetchableText(link, cwd))),
    ...alone
      .filter(({ path }) => !named.has(path))
      .map(({ path, commits }) => caveatOf('lost-commits', aloneText(path, commits))),
    ...(lost.length > 0 ? [caveatOf('lost-commits', lostText(lost, repo))] : []),
    ...(aside.length > 0 ? [caveatOf('lost-commits', asideText(branch, aside))] : []),
    ...(stashed.length > 0 ? [caveatOf('stash', stashText(stashed, repo))] : []),
  ];
}

/**
 * Returns the caveats of an in-place checkout, where the subagent's changes are not committed.
 * @throws SubagentsError GIT
 */
export async function caveatsInPlace(
  git: Git,
  {
    base,
    head,
    changed,
    branch,
  }: Pick<CollectedWorktree, 'cwd' | 'base' | 'head' | 'changed'> & { branch: string | undefined },
): Promise<Caveat[]> {
  const [open, marked, missing] = await Promise.all([
    readUnfinished(git),
    findConflictMarkers(git, { base, head: undefined, paths: changed }),
    missingOfBase(git, base, head),
  ]);
  return [
    ...(open ? [caveatOf('unfinished', unfinishedText(open))] : []),
    ...(marked.length > 0 ? [caveatOf('unfinished', conflictMarkersText(marked))] : []),
    ...(missing > 0 ? [caveatOf('base-missing', baseText({ branch: branch ?? 'HEAD', base, missing }))] : []),
  ];
}

/**
 * Records the unfinished git operation of the worktree. Called before that operation is ended, so that the record
 * survives an interruption.
 */
export async function recordUnfinished(git: Git): Promise<void> {
  const open = await readUnfinished(git);
  const record = readWorkspaceRecord(git.cwd);
  if (open === undefined || record === undefined) return;
  const saved = record.unfinished.filter(({ head }) => head !== undefined);
  writeWorkspaceRecord(git.cwd, { ...record, unfinished: [...saved, open] });
}

/** Records branches that received work of the subagent, so that later attempts know them. */
export function recordSideBranches(cwd: string, aside: readonly string[]): void {
  const record = readWorkspaceRecord(cwd);
  if (record !== undefined && aside.length > 0)
    writeWorkspaceRecord(cwd, { ...record, aside: [...new Set([...(record.aside ?? []), ...aside])] });
}

/** Returns the recorded branches that have commits which `head` lacks. */
async function unmergedSideBranches(git: Git, head: string): Promise<string[]> {
  const found: string[] = [];
  for (const branch of readWorkspaceRecord(git.cwd)?.aside ?? []) {
    const tip = await branchTip(git, branch);
    if (tip !== undefined && !(await isMerged(git, head, tip))) found.push(branch);
  }
  return found;
}

/** Returns the recorded operations that are still unfinished, and drops the others from the record. */
async function remainingUnfinished(git: Git, head: string): Promise<Unfinished[]> {
  const record = readWorkspaceRecord(git.cwd);
  if (record === undefined || record.unfinished.length === 0) return [];
  const each = await Promise.all(record.unfinished.map((known) => stillUnfinished(git, known, head)));
  const unfinished = each.filter((one) => one !== undefined);
  writeWorkspaceRecord(git.cwd, { ...record, unfinished });
  return unfinished;
}

/** Counts the commits of the base that the branch does not have. */
async function missingOfBase(git: Git, base: string, head: string): Promise<number> {
  const { exitCode, stdout } = await git.try(['rev-list', '--count', base, '--not', head, '--']);
  return exitCode === 0 ? Number(stdout) : 0;
}

function baseText({ branch, base, missing }: { branch: string; base: string; missing: number }): string {
  const commits = missing === 1 ? 'a commit' : `${missing} commits`;
  return `${branch} no longer contains ${base.slice(0, 10)}, the commit it started from: it lacks ${commits} of that history`;
}

const aloneText = (path: string, commits: number): string =>
  `the submodule ${path} has ${commits} ${commits === 1 ? 'commit' : 'commits'} that only the worktree has and that the branch does not reference`;

const asideText = (branch: string, aside: readonly string[]): string =>
  `work that is missing from ${branch} is on ${aside.join(', ')}`;

const stashText = (stashed: readonly string[], repo: string): string =>
  `work was left in the stash of the repository: ${stashed.join(', ')} (git -C ${repo} stash list)`;
