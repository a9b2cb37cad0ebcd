/** `cleanRuns`: removes what finished subagents have left in this home and in their repositories, but nothing that is only there. */
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  CleanedRun,
  CleanInput,
  CleanResult,
  ControlActivities,
  RunToClean,
} from '../src/contract/index.ts';
import { SubagentsError } from '../src/contract/index.ts';
import type { AskRunState } from '../src/git/checkout-lock.ts';
import { branchTip } from '../src/git/branch.ts';
import { sortOut } from '../src/git/left.ts';
import { gitDirs } from '../src/git/repository.ts';
import { checkoutStatus } from '../src/git/status.ts';
import { deleteBranch } from '../src/git/delete-branch.ts';
import {
  aloneInSubmodules,
  branchWithContent,
  commitsOnlyOn,
  commitsOnNone,
  type BranchAt,
} from '../src/git/unmerged.ts';
import { checkedOutIn, discardWorktree, isWorktree } from '../src/git/worktree.ts';
import { guarded } from '../src/home/guarded.ts';
import { keptBeside } from '../src/copilot/conversation.ts';
import { readLeases } from '../src/home/leases.ts';
import { forgetRun, laterRun, readRuns, type RunRecord } from '../src/home/run-record.ts';
import { readWorkspaceRecord, runFolder } from '../src/home/workspace-record.ts';
import { diskUsage } from '../src/system/disk-usage.ts';

export interface CleanDependencies {
  readonly home: {
    readonly root: string;
    readonly paths: {
      readonly runs: string;
      readonly repositories: string;
      readonly leases: string;
      readonly copilot: string;
      readonly outputs: string;
    };
  };
  readonly runState: AskRunState;
  /** The first execution run id of the open run of a workflow id, if it has one. */
  readonly openRun: (workflowId: string) => Promise<string | undefined>;
}

export interface CleanRules extends Pick<CleanInput, 'force' | 'onlyMerged' | 'dryRun'> {
  /** Of a dry run: the branches that would be gone by then, each with the shared git folder it is in. */
  readonly gone?: readonly BranchIn[];
}

interface BranchIn {
  readonly commonDir: string;
  readonly branch: string;
}

export function createCleanActivities(on: CleanDependencies): Pick<ControlActivities, 'cleanRuns'> {
  return {
    async cleanRuns({ runs, ...rules }: CleanInput): Promise<CleanResult> {
      const records = new Map(readRuns(on.home).map((record) => [record.subagent.runId, record]));
      const cleaned: CleanedRun[] = [];
      const gone: BranchIn[] = [];
      // The later ones of a label first: what they share with those before is theirs.
      for (const run of [...runs].sort((a, b) => b.run - a.run)) {
        const record = records.get(run.runId);
        const one = record === undefined ? nothing(run) : await cleanRun(on, record, { ...rules, gone });
        cleaned.push(one);
        if (rules.dryRun && record?.branch && one.removed.includes('branch'))
          gone.push({ commonDir: gitDirs(record.repository).commonDir, branch: record.branch });
      }
      return { kind: 'cleaned', runs: cleaned };
    },
  };
}

const nothing = ({ session, label, run, workflowId, runId }: RunToClean): CleanedRun => ({
  ...{ session, label, run, workflowId, runId },
  ...{ removed: [], kept: [], freedBytes: 0 },
});

type Kept = CleanedRun['kept'][number];
type What = CleanedRun['removed'][number];

/**
 * Removes what is left of one run. Safe to repeat, also after it was cut short: what it removes goes in an order in which what
 * is left is found again, and the record last.
 */
export async function cleanRun(
  on: CleanDependencies,
  record: RunRecord,
  rules: CleanRules,
): Promise<CleanedRun> {
  try {
    const inUse = await whyInUse(on, record);
    if (inUse !== undefined) return untouched(record, inUse);
    const place = { ...record, runId: record.subagent.runId };
    return await guarded(place, () => removeParts(on, record, rules));
  } catch (error) {
    if (error instanceof SubagentsError) return untouched(record, error.message);
    // A file that cannot be removed: neither the other runs nor the next look are to fail for it.
    if (error instanceof Error && 'syscall' in error)
      return untouched(record, `it could not be removed: ${error.message}`);
    throw error;
  }
}

const untouched = ({ subagent, cwd }: RunRecord, why: string): CleanedRun => ({
  ...nothing(subagent),
  kept: [{ what: 'all', where: cwd, why }],
});

async function removeParts(on: CleanDependencies, record: RunRecord, rules: CleanRules): Promise<CleanedRun> {
  const later = laterRun(on.home, record);
  const { kept, drop, stays } = later ? takenOver(record, later) : await decide(record, rules);
  let parts = stays ? [] : [...drop, ...homeParts(on, record, later)];
  const freedBytes = await diskUsage(parts.flatMap(({ path }) => path ?? []));
  if (!rules.dryRun) {
    // Looking took its time: what has come up meanwhile counts.
    const loss =
      rules.force || !drop.some(({ what }) => what === 'worktree') ? undefined : await lossOf(record);
    const why = (await whyInUse(on, record)) ?? loss;
    if (why !== undefined) return untouched(record, why);
    const gone: Part[] = [];
    for (const part of parts) {
      const stayed = await part.remove();
      if (stayed) kept.push(stayed);
      else gone.push(part);
    }
    parts = gone;
    if (kept.length === 0) forgetRun(on.home, record.subagent);
  }
  return {
    ...nothing(record.subagent),
    removed: [...new Set(parts.map(({ what }) => what))],
    kept,
    freedBytes,
  };
}

/** Why nothing of the run may be touched: it, or one that goes on in its folder or its Copilot session, is live. */
async function whyInUse(on: CleanDependencies, record: RunRecord): Promise<string | undefined> {
  const { subagent, cwd } = record;
  if ((await on.runState(subagent.workflowId, subagent.runId)) === 'open') return 'it is still at work';
  const { copilotSessionId } = subagent;
  if (readLeases(on.home.paths.leases).some((lease) => lease.copilotSessionId === copilotSessionId))
    return 'something is still done for it';
  const open = await on.openRun(subagent.workflowId);
  if (open === undefined) return undefined;
  const other = readRuns(on.home).find((each) => each.subagent.runId === open);
  if (other === undefined) return `another run of ${subagent.label} is starting`;
  const shared = other.subagent.copilotSessionId === copilotSessionId || other.cwd === cwd;
  return shared ? `run ${other.subagent.run} goes on with it` : undefined;
}

interface Part {
  readonly what: What;
  readonly path?: string;
  /** Gives what stays all the same, and why. */
  readonly remove: () => Promise<Kept | void>;
}

interface Decision {
  readonly kept: Kept[];
  readonly drop: Part[];
  /** Nothing of it is to be removed, also not what lies in the home. */
  readonly stays: boolean;
}

/** Of a run that another one has gone on with, worktree, branch and Copilot session are that one's. */
function takenOver({ isolation, cwd }: RunRecord, { subagent }: RunRecord): Decision {
  const why = `run ${subagent.run} has gone on with it`;
  const there = isolation === 'worktree' && existsSync(cwd);
  return { kept: there ? [{ what: 'worktree', where: cwd, why }] : [], drop: [], stays: false };
}

/** What goes and what stays of its worktree and its branch. */
async function decide(record: RunRecord, rules: CleanRules): Promise<Decision> {
  const { isolation, repository, cwd, branch, base } = record;
  if (isolation === 'in-place' || branch === null) return { kept: [], drop: [], stays: false };
  if (!existsSync(join(repository, '.git'))) {
    if (!existsSync(cwd) || rules.force)
      return { kept: [], drop: existsSync(cwd) ? [folder(cwd)] : [], stays: false };
    return {
      kept: [
        { what: 'worktree', where: cwd, why: `its repository ${repository} is gone: this is all there is` },
      ],
      drop: [],
      stays: true,
    };
  }
  const place = { cwd, commonDir: gitDirs(repository).commonDir };
  const worktree: Part = {
    what: 'worktree',
    path: cwd,
    remove: async () => {
      // Out of the way first: what is half removed is never taken for a worktree. A removal that failed has left some there.
      await rm(`${cwd}.removed`, { recursive: true, force: true });
      if (existsSync(cwd)) await rename(cwd, `${cwd}.removed`);
      await rm(`${cwd}.removed`, { recursive: true, force: true });
      await discardWorktree(place);
      await rm(`${cwd}.json`, { force: true });
    },
  };
  const tip = await branchTip(repository, branch);
  const loss = rules.force ? undefined : await lossOf(record);
  const gone = (rules.gone ?? []).filter(({ commonDir }) => commonDir === place.commonDir);
  const alone =
    tip === undefined
      ? 0
      : await commitsOnlyOn(
          repository,
          { branch, tip },
          gone.map((each) => each.branch),
        );
  const merged =
    tip === undefined || alone === 0 || (await branchWithContent(repository, base, tip)) !== undefined;
  const branchKept: Kept[] = merged ? [] : [onNoOther(branch, alone)];

  if (!rules.force && (loss !== undefined || (rules.onlyMerged && !merged))) {
    const worktreeKept: Kept[] = existsSync(cwd)
      ? [{ what: 'worktree', where: cwd, why: loss ?? 'its branch is not merged' }]
      : [];
    return { kept: [...worktreeKept, ...branchKept], drop: [], stays: true };
  }
  const drop = existsSync(cwd) || existsSync(`${cwd}.json`) ? [worktree] : [];
  if (tip === undefined) return { kept: [], drop, stays: false };
  if (!merged && !rules.force) return { kept: branchKept, drop, stays: false };
  const [holder] = (await checkedOutIn(repository, branch)).filter((folder) => folder !== cwd);
  if (holder !== undefined) {
    return {
      kept: [{ what: 'branch', where: branch, why: `it is checked out in ${holder}` }],
      drop,
      stays: false,
    };
  }
  const remove = (): Promise<Kept | undefined> => removeBranch(repository, { branch, tip, base }, rules);
  const deletion: Part = { what: 'branch', remove };
  return { kept: [], drop: [...drop, deletion], stays: false };
}

/** Deletes the branch, unless what made it safe to go has gone by now: gives why it stays then. */
async function removeBranch(repo: string, at: BranchAt, { force }: CleanRules): Promise<Kept | undefined> {
  const deletion = await deleteBranch(repo, at, force);
  if (deletion === 'alone') return onNoOther(at.branch, await commitsOnlyOn(repo, at));
  if (deletion === 'moved') return { what: 'branch', where: at.branch, why: 'it was moved meanwhile' };
  return undefined;
}

const onNoOther = (branch: string, commits: number): Kept => ({
  what: 'branch',
  where: branch,
  why: `it has ${commitsThat(commits)} on no other branch`,
});

/** What would be lost with the worktree, in words. */
async function lossOf({ cwd, repository }: RunRecord): Promise<string | undefined> {
  if (!existsSync(cwd)) return undefined;
  if (!isWorktree({ cwd, commonDir: gitDirs(repository).commonDir })) {
    const files = (await readdir(cwd)).filter((name) => name !== '.git');
    return files.length === 0 ? undefined : 'it has files, and git no longer knows it as a worktree';
  }
  const { head, changed, untracked } = await checkoutStatus(cwd);
  // What verification commands have made, they make again; not what has been written to since.
  const made = readWorkspaceRecord(cwd)?.leftByVerification ?? {};
  const { asLeft } = await sortOut(cwd, untracked, [made], false);
  const paths = [...changed.map(({ path }) => path), ...untracked.filter((path) => !asLeft.has(path))];
  if (paths.length > 0) {
    const more = paths.length > 3 ? ' and more' : '';
    return `it has ${paths.length} uncommitted ${paths.length === 1 ? 'file' : 'files'}: ${paths.slice(0, 3).join(', ')}${more}`;
  }
  const loose = head === undefined ? 0 : await commitsOnNone(repository, head);
  if (loose > 0) return `what it has checked out has ${loose} commits that are on no branch`;
  const [submodule] = await aloneInSubmodules(cwd, repository);
  return submodule && `its submodule ${submodule.path} has ${commitsThat(submodule.commits)} nowhere else`;
}

const commitsThat = (count: number): string =>
  `${count} ${count === 1 ? 'commit that is' : 'commits that are'}`;

const folder = (cwd: string): Part => ({
  what: 'worktree',
  path: cwd,
  remove: async () => {
    await rm(cwd, { recursive: true, force: true });
    await rm(`${cwd}.json`, { force: true });
  },
});

/** What of a run lies in the home besides its worktree. */
function homeParts(on: CleanDependencies, { subagent }: RunRecord, later?: RunRecord): Part[] {
  const { copilotSessionId } = subagent;
  const { copilot, outputs } = on.home.paths;
  const conversation = [
    join(copilot, 'session-state', copilotSessionId),
    join(copilot, 'init-scripts', `${copilotSessionId}.sh`),
    ...Object.values(keptBeside(copilot, copilotSessionId)),
  ];
  const paths: readonly [What, string][] = [
    ...(later ? [] : conversation.map((path): [What, string] => ['copilot', path])),
    ['outputs', join(outputs, runFolder(subagent))],
  ];
  return paths
    .filter(([, path]) => existsSync(path))
    .map(([what, path]) => ({ what, path, remove: () => rm(path, { recursive: true, force: true }) }));
}
