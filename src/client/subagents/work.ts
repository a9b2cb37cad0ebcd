/** Locates the work of a run: its repository, its folder, its commits. */
import { existsSync } from 'node:fs';
import { SubagentsError, type Outcome } from '../../contract/index.ts';
import { branchTip } from '../../git/branches/branch.ts';
import { lookUp } from '../../git/repository.ts';
import { homeOfClone } from '../../home/clones.ts';
import { isHomeOf } from '../../home/home.ts';
import { movedRemedy } from '../../git/run.ts';
import { requireView } from './view.ts';
import { inspect } from './inspect.ts';
import { bringWorkBack, comesBack } from './bring-back.ts';
import type { Link } from '../connection/link.ts';
import { findOutcome } from '../sessions/outcomes.ts';
import type { KnownRun } from '../listing/runs.ts';
import { Git } from '../../git/git.ts';

/** The work of a run, on this machine. */
export interface Work {
  readonly name: string;
  readonly live: boolean;
  /** The repository that has the branch: a checkout, or the worker's clone. */
  readonly repository: string;
  /** The folder that the run works in; after the run it may be gone. */
  readonly cwd: string;
  /** null when in-place on a detached HEAD. */
  readonly branch: string | null;
  readonly base: string;
  /** The current tip of the branch or, if the branch is gone, the commit of the outcome; undefined without either. */
  readonly head: string | undefined;
  /** Whether the branch still exists. */
  readonly branchExists: boolean;
  /** Whether the run works in the user's own checkout. */
  readonly inPlace: boolean;
  readonly outcome: Outcome | undefined;
}

/**
 * Finds the work of a run, live or ended.
 * @throws SubagentsError NO_WORKSPACE, NO_WORKER, LOST, NOT_A_REPOSITORY when the repository is not on this machine
 */
export async function findWork(link: Link, run: KnownRun): Promise<Work> {
  const name = `${run.label}@${run.run}`;
  const inspected = await inspect(link, run);
  const live = inspected?.open ?? false;
  const outcome = live ? undefined : await findOutcome(link, run);
  const place = outcome?.evidence
    ? { ...outcome.evidence, workerId: outcome.worker }
    : await workspaceFromView(link, run);
  const { cwd, branch, base } = place;
  if (cwd === undefined || base === undefined) {
    throw new SubagentsError(
      'NO_WORKSPACE',
      live ? `${name} has no workspace yet` : `${name} ended before it had a workspace`,
      { remedy: `See what the subagent is doing: subagents show ${run.label}` },
    );
  }
  if (outcome !== undefined && comesBack(outcome)) return workThatCameBack(link, run, outcome);
  const repository = place.repository ?? run.repo;
  const workerId = run.workerId ?? place.workerId;
  // A clone of the same URL has the same path in each home of that name, so only its home tells whose it is.
  if (
    place.repository !== undefined &&
    workerId !== undefined &&
    !isHomeOf(homeOfClone(repository), workerId)
  )
    throw elsewhereError(name, workerId);
  if (!existsSync(repository)) {
    // The worktree is in the home of the run's worker, so it shows whether this is the worker's machine.
    const isHere = cwd !== repository && existsSync(cwd);
    throw new SubagentsError(
      'NOT_A_REPOSITORY',
      `the repository with the work of ${name}, ${repository}, ${isHere ? 'no longer exists' : 'is not on this machine'}`,
      {
        remedy: isHere
          ? movedRemedy(repository)
          : `${movedRemedy(repository)}. If it is on another machine, run this command there.`,
      },
    );
  }
  const tip = branch == null ? undefined : await branchTip(Git.at(repository), branch);
  const known = outcome?.evidence?.head;
  const head =
    tip ?? (known !== undefined && (await lookUp(Git.at(repository), known)).commit ? known : undefined);
  return {
    name,
    live,
    repository,
    cwd,
    base,
    head,
    outcome,
    branch: branch ?? null,
    branchExists: tip !== undefined,
    inPlace: cwd === repository,
  };
}

/** The work of a subagent that a pool took from a checkout, in the caller's repository. */
async function workThatCameBack(link: Link, run: KnownRun, outcome: Outcome): Promise<Work> {
  const { evidence } = outcome;
  if (evidence === undefined) throw new SubagentsError('INTERNAL', 'work without evidence');
  const { branch } = await bringWorkBack(link, run, outcome);
  const tip = await branchTip(Git.at(run.repo), branch);
  return {
    name: `${run.label}@${run.run}`,
    live: false,
    repository: run.repo,
    cwd: evidence.cwd,
    base: evidence.base,
    head: tip ?? evidence.head,
    outcome,
    branch,
    branchExists: tip !== undefined,
    inPlace: false,
  };
}

/** The error for work that is in the home of a worker of another machine. */
function elsewhereError(name: string, workerId: string): SubagentsError {
  return new SubagentsError(
    'NOT_A_REPOSITORY',
    `the work of ${name} is in the home of worker ${workerId}, which is not on this machine`,
    {
      remedy: `Run this command on the machine of that worker; or have the branch pushed: subagents continue ${name.replace(/@\d+$/, '')} "Nothing more." --push`,
    },
  );
}

/** The error for work whose branch and commits have been removed. */
export function workRemovedError({ name, branch, repository }: Work): SubagentsError {
  return new SubagentsError(
    'NO_WORKSPACE',
    `${branch ?? 'the branch'} of ${name} and its commits are gone from ${repository}`,
    { remedy: 'Spawn it again.' },
  );
}

/** The workspace of a run without an outcome, from the workflow's view. */
async function workspaceFromView(link: Link, run: KnownRun) {
  const view = await requireView(link, run);
  return (
    view ?? { cwd: undefined, base: undefined, branch: undefined, repository: undefined, workerId: undefined }
  );
}
