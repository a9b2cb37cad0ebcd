/**
 * `cleanRuns`: removes the worktrees, branches and files of finished subagents, unless that would lose work that
 * exists nowhere else.
 */
import { existsSync, lstatSync } from 'node:fs';
import { readdir, readlink, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type {
  CleanedRun,
  CleanInput,
  CleanResult,
  ControlActivities,
  Remains,
  RunToClean,
  SubagentRef,
} from '../../src/contract/index.ts';
import { SubagentsError } from '../../src/contract/index.ts';
import { runIdentity } from '../../src/contract/reports/identity.ts';
import type { GetRunState } from '../../src/git/locks/checkout-lock.ts';
import { aliasOf, branchTip } from '../../src/git/branches/branch.ts';
import { classifyUntracked } from '../../src/git/contents/artifacts.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { findNestedWork } from '../../src/git/contents/nested-work.ts';
import { compareIgnored } from '../evidence/ignored.ts';
import { hasSetAside } from '../../src/git/commits/set-aside.ts';
import { readWorktreeStatus } from '../../src/git/commits/own-index.ts';
import { removePrivateRepository } from '../../src/git/worktrees/private-repository.ts';
import { openSandbox, sandboxOf } from '../../src/home/sandboxes.ts';
import { closeNetwork } from '../../src/sandbox/network/proxies.ts';
import { launcherFiles } from '../../src/sandbox/launcher.ts';
import { keptCommits, deleteKeptRefs } from '../../src/git/branches/kept-refs.ts';
import { deleteBranch } from '../../src/git/branches/delete-branch.ts';
import {
  unpushedSubmodules,
  branchWithContent,
  countOnlyOnBranch,
  countOnNoBranch,
  type BranchAt,
} from '../../src/git/branches/unmerged.ts';
import { checkedOutIn, discardWorktree, isWorktree } from '../../src/git/worktrees/worktree.ts';
import { requireOwnParents } from '../../src/git/worktrees/worktree-location.ts';
import { gitOfRun } from '../../src/home/git-of-run.ts';
import { sessionFiles } from '../../src/copilot/session/session-files.ts';
import { readLeases } from '../../src/home/leases.ts';
import { deleteRunRecord, laterRun, readRuns, type RunRecord } from '../../src/home/run-record.ts';
import { readWorkspaceRecord, runFolder } from '../../src/home/workspace-record.ts';
import { diskUsage } from '../../src/system/disk.ts';
import { folderId } from '../../src/system/own-folder.ts';
import { isWithin, realTarget } from '../../src/system/real-path.ts';
import { removeTree, surveyTree } from '../../src/system/remove-tree.ts';
import { Git } from '../../src/git/git.ts';

/** What `cleanRuns` needs of its worker. */
export interface CleanDependencies {
  readonly home: {
    readonly root: string;
    readonly paths: {
      readonly runs: string;
      readonly repositories: string;
      readonly leases: string;
      readonly caches: string;
      readonly copilot: string;
      readonly outputs: string;
    };
  };
  readonly runState: GetRunState;
  /** Reports to the session of a run which parts were removed; never rejects. Default: no report. */
  readonly reportCleaned?: (subagent: SubagentRef, removed: readonly Remains[]) => Promise<void>;
  /** Returns the first execution run id of the open run of a workflow id; undefined when no run is open. */
  readonly openRun: (workflowId: string) => Promise<string | undefined>;
}

/** The options of a clean that apply to each run. */
export interface CleanRules extends Pick<CleanInput, 'force' | 'onlyMerged' | 'dryRun'> {
  /** In a dry run: branches that this clean would already have deleted, each with its shared git folder. */
  readonly gone?: readonly BranchIn[];
}

interface BranchIn {
  readonly commonDir: string;
  readonly branch: string;
}

/** Creates the `cleanRuns` activity. */
export function createCleanActivities(deps: CleanDependencies): Pick<ControlActivities, 'cleanRuns'> {
  return {
    async cleanRuns({ runs, ...rules }: CleanInput): Promise<CleanResult> {
      const records = new Map(readRuns(deps.home).map((record) => [record.subagent.runId, record]));
      const cleaned: CleanedRun[] = [];
      const gone: BranchIn[] = [];
      // Later runs of a label first: a later run owns the worktree, branch and conversation that it shares with an
      // earlier one.
      for (const run of [...runs].sort((a, b) => b.run - a.run)) {
        const record = records.get(run.runId);
        const one = record === undefined ? nothing(run) : await cleanRun(deps, record, { ...rules, gone });
        cleaned.push(one);
        if (rules.dryRun && record?.branch && one.removed.includes('branch'))
          gone.push({ commonDir: gitDirs(record.repository).commonDir, branch: record.branch });
      }
      return { kind: 'cleaned', runs: cleaned };
    },
  };
}

const nothing = (run: RunToClean): CleanedRun => ({
  ...runIdentity(run),
  removed: [],
  kept: [],
  freedBytes: 0,
});

type Kept = CleanedRun['kept'][number];

/**
 * Removes the parts of one run. Safe to repeat after an interruption: the removal order keeps the remaining parts
 * findable, and the run record is removed last.
 */
export async function cleanRun(
  deps: CleanDependencies,
  record: RunRecord,
  rules: CleanRules,
): Promise<CleanedRun> {
  try {
    const inUse = await inUseReason(deps, record);
    if (inUse !== undefined) return untouched(record, inUse);
    const place = { ...record, runId: record.subagent.runId };
    return await removeParts(deps, await gitOfRun(place), record, rules);
  } catch (error) {
    if (error instanceof SubagentsError) return untouched(record, error.message);
    // A file that cannot be removed must not fail the other runs, nor the next clean.
    if (error instanceof Error && 'syscall' in error)
      return untouched(record, `removing it failed: ${error.message}`);
    throw error;
  }
}

const untouched = ({ subagent, cwd }: RunRecord, why: string): CleanedRun => ({
  ...nothing(subagent),
  kept: [{ what: 'all', where: cwd, why }],
});

async function removeParts(
  deps: CleanDependencies,
  git: Git,
  record: RunRecord,
  rules: CleanRules,
): Promise<CleanedRun> {
  const later = laterRun(deps.home, record);
  const { kept, drop, keepAll } = later ? wasContinued(record, later) : await decide(git, record, rules);
  const files = later ? undefined : await keptFiles(git, record, rules);
  kept.push(...(files?.kept ?? []));
  let parts = keepAll ? [] : [...drop, ...(files?.drop ?? []), ...homeParts(deps, record, later)];
  const stuck = await removalObstacle(parts, rules);
  if (stuck !== undefined) return untouched(record, stuck);
  let freedBytes = await diskUsage(
    parts.flatMap(({ path, more = [] }) => [...(path === undefined ? [] : [path]), ...more]),
  );
  if (!rules.dryRun) {
    // Check again: the survey takes a while, and the run may have come into use or gained work meanwhile.
    const loss =
      rules.force || !drop.some(({ what }) => what === 'worktree') ? undefined : await lossOf(git, record);
    const why = (await inUseReason(deps, record)) ?? loss;
    if (why !== undefined) return untouched(record, why);
    const gone: Part[] = [];
    for (const part of parts) {
      const stayed = await part.remove().catch((error: unknown) => partlyRemoved(part, error));
      if (stayed) kept.push(stayed);
      else gone.push(part);
    }
    parts = gone;
    if (kept.length > 0) freedBytes -= await diskUsage(kept.map(({ where }) => where).filter(isAbsolute));
    if (gone.length > 0)
      await deps.reportCleaned?.(record.subagent, [...new Set(gone.map(({ what }) => what))]);
    if (kept.length === 0) deleteRunRecord(deps.home, record.subagent);
  }
  return {
    ...nothing(record.subagent),
    removed: [...new Set(parts.map(({ what }) => what))],
    kept,
    freedBytes,
  };
}

/** Why the parts could not be removed completely, checked before anything is removed. */
async function removalObstacle(parts: readonly Part[], { force }: CleanRules): Promise<string | undefined> {
  for (const { what, path } of parts) {
    if (path === undefined) continue;
    for (const each of what === 'worktree' ? [path, removedPath(path)] : [path]) {
      const { stuck, closed } = await surveyTree(each);
      if (stuck !== undefined) return `it cannot be removed: ${stuck}`;
      if (closed !== undefined && !force && what === 'worktree' && each === path)
        return `its contents are unknown: ${closed} cannot be read`;
    }
  }
  return undefined;
}

/** Reports a part of which only some files could be removed; the next clean continues with the rest. */
function partlyRemoved({ what, path }: Part, error: unknown): Kept {
  if (!(error instanceof Error && 'syscall' in error) || path === undefined) throw error;
  const where = what === 'worktree' && isThere(removedPath(path)) ? removedPath(path) : path;
  return { what, where, why: `only a part of it was removed: ${error.message}` };
}

const removedPath = (cwd: string): string => `${cwd}.removed`;

/** Whether `path` exists; true for a dangling symbolic link too. */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/**
 * Why the run must not be touched: the run itself, or another run that uses its folder or Copilot session, is live.
 */
async function inUseReason(deps: CleanDependencies, record: RunRecord): Promise<string | undefined> {
  const { subagent, cwd } = record;
  if ((await deps.runState(subagent.workflowId, subagent.runId)) === 'open')
    return 'the subagent is still at work';
  const { copilotSessionId } = subagent;
  if (readLeases(deps.home.paths.leases).some((lease) => lease.copilotSessionId === copilotSessionId))
    return 'an activity of the subagent still runs';
  const open = await deps.openRun(subagent.workflowId);
  if (open === undefined) return undefined;
  const other = readRuns(deps.home).find((each) => each.subagent.runId === open);
  if (other === undefined) return `another run of ${subagent.label} is starting`;
  const shared = other.subagent.copilotSessionId === copilotSessionId || other.cwd === cwd;
  return shared ? `run ${other.subagent.run} continues it` : undefined;
}

interface Part {
  readonly what: Remains;
  readonly path?: string;
  /** What goes with it. */
  readonly more?: readonly string[];
  /** Returns the part with the reason when it was not removed. */
  readonly remove: () => Promise<Kept | undefined>;
}

interface Decision {
  readonly kept: Kept[];
  readonly drop: Part[];
  /** Remove no part of the run, not even its files in the home. */
  readonly keepAll: boolean;
}

/** A later run continued this one and owns its worktree, branch and Copilot session now. */
function wasContinued({ isolation, cwd }: RunRecord, { subagent }: RunRecord): Decision {
  const why = `run ${subagent.run} continued it`;
  const there = isolation === 'worktree' && isThere(cwd);
  return { kept: there ? [{ what: 'worktree', where: cwd, why }] : [], drop: [], keepAll: false };
}

/** Decides which of the run's worktree and branch to remove and which to keep. */
async function decide(git: Git, record: RunRecord, rules: CleanRules): Promise<Decision> {
  const { isolation, repository, cwd, branch, base } = record;
  if (isolation === 'in-place' || branch === null) return { kept: [], drop: [], keepAll: false };
  requireOwnParents(cwd);
  if (!existsSync(join(repository, '.git'))) {
    if (!isThere(cwd) || rules.force)
      return { kept: [], drop: isThere(cwd) ? [folder(cwd)] : [], keepAll: false };
    return {
      kept: [
        {
          what: 'worktree',
          where: cwd,
          why: `its repository ${repository} is gone, so this is the only copy`,
        },
      ],
      drop: [],
      keepAll: true,
    };
  }
  const place = { cwd, commonDir: gitDirs(repository).commonDir };
  const { sandbox } = readWorkspaceRecord(cwd) ?? {};
  // The branch of a sandboxed subagent is in the caller's repository, too.
  const caller = sandbox?.caller ?? repository;
  const worktree: Part = {
    what: 'worktree',
    path: cwd,
    ...(sandbox && { more: [dirname(repository)] }),
    remove: async () => {
      // Rename before removing, so that a half-removed folder is never taken for a worktree. A removal that failed
      // earlier may have left the renamed folder behind.
      await removeTree(removedPath(cwd));
      if (isThere(cwd)) await rename(cwd, removedPath(cwd));
      await removeTree(removedPath(cwd));
      await discardWorktree(place);
      if (sandbox) {
        closeNetwork(sandboxOf(repository).network);
        await removePrivateRepository(repository, Git.at(sandbox.caller));
        openSandbox(cwd, repository);
      }
      await rm(`${cwd}.json`, { force: true });
      return undefined;
    },
  };
  const foreign = foreignFolder(record);
  if (foreign !== undefined)
    return { kept: [{ what: 'worktree', where: cwd, why: foreign }], drop: [], keepAll: true };
  const tip = await branchTip(git.in(caller), branch);
  const loss = rules.force
    ? undefined
    : ((await lossOf(git, record)) ?? (await unpublished(git, record, caller)));
  const gone = (rules.gone ?? []).filter(({ commonDir }) => commonDir === place.commonDir);
  const alone =
    tip === undefined
      ? 0
      : await countOnlyOnBranch(
          git.in(caller),
          { branch, tip },
          gone.map((each) => each.branch),
        );
  const merged =
    tip === undefined || alone === 0 || (await branchWithContent(git.in(caller), base, tip)) !== undefined;
  const branchKept: Kept[] = merged ? [] : [onNoOtherBranch(branch, alone)];

  if (!rules.force && (loss !== undefined || (rules.onlyMerged && !merged))) {
    const worktreeKept: Kept[] = isThere(cwd)
      ? [{ what: 'worktree', where: cwd, why: loss ?? 'its branch is not merged' }]
      : [];
    return { kept: [...worktreeKept, ...branchKept], drop: [], keepAll: true };
  }
  const left = [cwd, removedPath(cwd), `${cwd}.json`].some(isThere);
  const drop = left ? [worktree] : [];
  if (tip === undefined) return { kept: [], drop, keepAll: false };
  const alias = rules.force ? undefined : await aliasOf(git.in(caller), branch);
  if (alias !== undefined) {
    const why = `it became a symbolic reference to ${alias}`;
    return { kept: [{ what: 'branch', where: branch, why }], drop, keepAll: false };
  }
  if (!merged && !rules.force) return { kept: branchKept, drop, keepAll: false };
  const [holder] = (await checkedOutIn(git.in(caller), branch)).filter((folder) => folder !== cwd);
  if (holder !== undefined) {
    return {
      kept: [{ what: 'branch', where: branch, why: `it is checked out in ${holder}` }],
      drop,
      keepAll: false,
    };
  }
  const remove = (): Promise<Kept | undefined> => removeBranch(git.in(caller), { branch, tip, base }, rules);
  const deletion: Part = { what: 'branch', remove };
  return { kept: [], drop: [...drop, deletion], keepAll: false };
}

/**
 * Handles kept commits: files of the worktree that were saved before it was reset. No branch contains these
 * commits.
 */
async function keptFiles(
  git: Git,
  { isolation, repository, cwd }: RunRecord,
  { force }: CleanRules,
): Promise<Pick<Decision, 'kept' | 'drop'>> {
  if (isolation === 'in-place' || !existsSync(join(repository, '.git'))) return { kept: [], drop: [] };
  const found = await keptCommits(git.in(repository), cwd);
  if (found.length === 0) return { kept: [], drop: [] };
  if (force)
    return {
      kept: [],
      drop: [{ what: 'kept', remove: () => deleteKeptRefs(git.in(repository), cwd).then(() => undefined) }],
    };
  const why = (ref: string, subject: string): string =>
    `no branch contains it: ${subject} (to see it: git -C ${repository} show ${ref})`;
  return {
    kept: found.map(({ ref, subject }) => ({ what: 'kept', where: ref, why: why(ref, subject) })),
    drop: [],
  };
}

/** Deletes the branch, unless deleting became unsafe meanwhile. Returns the reason when the branch is kept. */
async function removeBranch(git: Git, at: BranchAt, { force }: CleanRules): Promise<Kept | undefined> {
  const deletion = await deleteBranch(git, at, force);
  if (deletion === 'alone') return onNoOtherBranch(at.branch, await countOnlyOnBranch(git, at));
  if (deletion === 'moved')
    return { what: 'branch', where: at.branch, why: 'it moved while it was being removed' };
  return undefined;
}

const onNoOtherBranch = (branch: string, commits: number): Kept => ({
  what: 'branch',
  where: branch,
  why: `it has ${commitsThat(commits)} on no other branch`,
});

/**
 * Returns the reason when the folder at the worktree's path is not the one made for the run. Such a folder is never
 * removed.
 */
function foreignFolder({ cwd, repository }: RunRecord): string | undefined {
  const known = readWorkspaceRecord(cwd)?.folder;
  if (!lstatSync(cwd, { throwIfNoEntry: false })?.isDirectory() || known === undefined) return undefined;
  if (folderId(cwd) === known || isWorktree({ cwd, commonDir: gitDirs(repository).commonDir }))
    return undefined;
  return 'another folder is there now, not the one that was made for this subagent';
}

/** Describes commits of a private repository that the caller's has not. */
async function unpublished(
  git: Git,
  { repository, base }: RunRecord,
  caller: string,
): Promise<string | undefined> {
  if (caller === repository) return undefined;
  const all = await git.in(repository).run(['rev-list', '--all', '--not', base]);
  const ids = all.split('\n').filter(Boolean);
  const answer = await git.in(caller).run(['cat-file', '--batch-check'], { input: `${ids.join('\n')}\n` });
  const missing = answer.split('\n').filter((line) => line.endsWith(' missing')).length;
  return missing === 0 ? undefined : `its repository has ${commitsThat(missing)} not in ${caller}`;
}

/** Describes the work that removing the worktree would lose; undefined when there is none. */
async function lossOf(git: Git, { cwd, repository }: RunRecord): Promise<string | undefined> {
  const stat = lstatSync(cwd, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isSymbolicLink()) {
    const moved = readWorkspaceRecord(cwd)?.folder;
    const target = realTarget(cwd);
    const isMoved = target !== undefined && moved !== undefined && folderId(target) === moved;
    return isMoved ? `it was moved to ${await readlink(cwd)}` : undefined;
  }
  if (!stat.isDirectory()) return 'a file is there instead of the worktree';
  if (!isWorktree({ cwd, commonDir: gitDirs(repository).commonDir })) {
    const files = (await readdir(cwd)).filter((name) => name !== '.git');
    return files.length === 0 ? undefined : 'it has files, and git no longer has it registered as a worktree';
  }
  if (hasSetAside(cwd)) return `files that were set aside for verification are not back: ${cwd}.aside`;
  const status = await readWorktreeStatus(git.in(cwd));
  const { head, changed, untracked, unreadable } = status;
  const [closed] = unreadable;
  if (closed !== undefined) return `it has a folder that cannot be read: ${closed}`;
  // Files that verification made can be made again, unless they were changed since.
  const { leftByVerification: made = {}, ignored = {} } = readWorkspaceRecord(cwd) ?? {};
  const { unchanged } = await classifyUntracked(cwd, untracked, [made], false);
  const paths = [
    ...changed.map(({ path }) => path),
    ...untracked.filter((path) => !unchanged.has(path)),
    ...(await compareIgnored(git.in(cwd), status, ignored)).paths,
    ...(await findNestedWork(git.in(cwd))).flatMap(({ submodule, files }) => (submodule ? files : [])),
  ].filter((path, index, all) => all.indexOf(path) === index);
  if (paths.length > 0) {
    const more = paths.length > 3 ? ' and more' : '';
    return `it has ${paths.length} uncommitted ${paths.length === 1 ? 'file' : 'files'}: ${paths.slice(0, 3).join(', ')}${more}`;
  }
  const loose = head === undefined ? 0 : await countOnNoBranch(git.in(repository), head);
  if (loose > 0) return `its HEAD has ${loose} commits that are on no branch`;
  const [submodule] = await unpushedSubmodules(git.in(cwd), repository);
  return (
    submodule &&
    `its submodule ${submodule.path} has ${commitsThat(submodule.commits)} in no other repository`
  );
}

const commitsThat = (count: number): string =>
  `${count} ${count === 1 ? 'commit that is' : 'commits that are'}`;

const folder = (cwd: string): Part => ({
  what: 'worktree',
  path: cwd,
  remove: async () => {
    await removeTree(cwd);
    await rm(`${cwd}.json`, { force: true });
    return undefined;
  },
});

/** The run's files in the home, except its worktree. */
function homeParts(deps: CleanDependencies, { subagent }: RunRecord, later?: RunRecord): Part[] {
  const { copilotSessionId } = subagent;
  const { copilot, outputs } = deps.home.paths;
  const conversation = [
    join(copilot, 'session-state', copilotSessionId),
    join(copilot, 'init-scripts', `${copilotSessionId}.sh`),
    ...launcherFiles(copilot, copilotSessionId),
    ...Object.values(sessionFiles(copilot, copilotSessionId)),
  ];
  const paths: readonly [Remains, string, string][] = [
    ...(later ? [] : conversation.map((path): [Remains, string, string] => ['copilot', path, copilot])),
    ['outputs', join(outputs, runFolder(subagent)), outputs],
  ];
  return paths
    .filter(([, path, root]) => isThere(path) && liesWithin(root, dirname(path)))
    .map(([what, path]) => ({ what, path, remove: () => removeTree(path).then(() => undefined) }));
}

/** Whether `folder`, with symbolic links resolved, is inside our folder `root`. */
function liesWithin(root: string, folder: string): boolean {
  const [own, real] = [realTarget(root), realTarget(folder)];
  return own !== undefined && real !== undefined && isWithin(own, real);
}
