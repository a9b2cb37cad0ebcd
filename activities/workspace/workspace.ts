/**
 * `prepareWorkspace`: makes a worktree with its own branch, or reserves the caller's checkout for this subagent
 * alone.
 */
import { existsSync } from 'node:fs';
import { cancellationSignal } from '@temporalio/activity';
import {
  SubagentsError,
  type Continuation,
  type Isolation,
  type PrepareInput,
  type SubagentRef,
  type WorkerActivities,
  type Workspace,
} from '../../src/contract/index.ts';
import { readCheckoutLockEntry } from '../../src/git/locks/checkout-lock.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { requireFilters } from '../../src/git/trust/needed-filters.ts';
import { Git } from '../../src/git/git.ts';
import type { RepositorySnapshot } from '../../src/git/trust/repository-snapshot.ts';
import { checkAllowed, checkInHome } from '../../src/home/allowed-repos.ts';
import { lockWorktree } from '../../src/git/worktrees/worktree.ts';
import { readWorkspaceRecord, recordOfRun } from '../../src/home/workspace-record.ts';
import { recordRun } from '../../src/home/run-record.ts';
import { takeCallersCommits } from './checkout.ts';
import { continueWorktree } from './continued-workspace.ts';
import { withFailureCodes } from '../failures.ts';
import { checkSandboxed } from './sandboxed.ts';
import { prepareInPlace } from './in-place.ts';
import { prepareWorktree } from './new-worktree.ts';
import { identityFor, workspaceOf, type WorkspaceDependencies } from './workspace-common.ts';

/** Creates the `prepareWorkspace` activity. */
export function createWorkspaceActivities(
  deps: WorkspaceDependencies,
): Pick<WorkerActivities, 'prepareWorkspace'> {
  return {
    prepareWorkspace: (input) =>
      withFailureCodes(async () => {
        const { subagent, spec } = input;
        // Admission checked this, but a workflow can be started without admission. Clones in the home come from
        // allowed URLs.
        const { repos } = deps.settings;
        await checkSandboxed(spec, deps.settings);
        const { repositories, worktrees } = deps.home.paths;
        const roots = repos && [...repos, repositories];
        checkAllowed(spec.repo, roots);
        if (spec.continues) {
          checkAllowed(spec.continues.repository, roots);
          if (spec.continues.cwd !== spec.continues.repository)
            checkInHome(spec.continues.cwd, worktrees, repos);
        }
        const workspace = markConversation(deps, input, await prepare(deps, input));
        const { cwd, branch, base } = workspace;
        const { isolation } = spec;
        const repository = recordOfRun({ isolation, cwd })?.repo ?? spec.repo;
        if (isolation === 'worktree') await lockWorktree({ cwd, commonDir: gitDirs(repository).commonDir });
        recordRun(deps.home, { subagent, isolation, repository, cwd, branch, base });
        return workspace;
      }, [
        'BAD_INPUT',
        'NOT_A_REPOSITORY',
        'UNKNOWN_BASE',
        'BRANCH_BLOCKED',
        'BRANCH_GONE',
        'CHECKOUT_BUSY',
        'LOCAL_FILTER',
        'NO_SANDBOX',
        'REPO_REFUSED',
      ]),
  };
}

/** Returns the repository snapshot from before the subagent began; undefined when there is none. */
export function readSnapshotBefore({
  subagent,
  isolation,
  cwd,
}: {
  readonly subagent: SubagentRef;
  readonly isolation: Isolation;
  readonly cwd: string;
}): RepositorySnapshot | undefined {
  return isolation === 'in-place'
    ? readCheckoutLockEntry(gitDirs(cwd).gitDir, subagent.runId)?.snapshot
    : readWorkspaceRecord(cwd)?.snapshot;
}

async function prepare(deps: WorkspaceDependencies, input: PrepareInput): Promise<Workspace> {
  const { repo, base, isolation, continues, trustRepo } = input.spec;
  const over = deps.ended?.signal(input.subagent);
  const signal = AbortSignal.any([cancellationSignal(), ...(over ? [over] : [])]);
  if (isolation === 'worktree' && continues) return prepareContinued(deps, input, continues, signal);
  // Admission checked this too, but filters may have been configured since.
  if (!trustRepo) await requireFilters(Git.at(repo), base.commit);
  return isolation === 'in-place' ? prepareInPlace(deps, input) : prepareWorktree(deps, input, signal);
}

/** Marks the workspace of a continued subagent whose conversation is gone. */
function markConversation(
  { hasConversation }: WorkspaceDependencies,
  { subagent, spec: { continues } }: PrepareInput,
  workspace: Workspace,
): Workspace {
  if (continues === undefined || hasConversation(subagent.copilotSessionId)) return workspace;
  const note = `Copilot's conversation of ${subagent.label}@${continues.run} is gone: a new one began, with a summary of that run`;
  return { ...workspace, newConversation: true, notes: [...workspace.notes, note] };
}

async function prepareContinued(
  { home, sweep }: WorkspaceDependencies,
  { subagent, spec }: PrepareInput,
  continues: Continuation,
  signal: AbortSignal,
): Promise<Workspace> {
  if (spec.sandbox && !existsSync(continues.cwd))
    throw new SubagentsError(
      'NO_SANDBOX',
      `the folder of ${subagent.label}@${continues.run} was cleaned, and its sandbox with it`,
      {
        remedy: `Spawn a new subagent with a sandbox, from what it left: --base ${continues.branch ?? 'BRANCH'}`,
      },
    );
  const { identity, identityNotes } = await identityFor(home, Git.at(continues.repository));
  await sweep(subagent.copilotSessionId);
  const git = Git.at(continues.cwd, {
    trusted: spec.trustRepo,
    env: identity,
    signal,
    copilotSessionId: subagent.copilotSessionId,
  });
  const { record, notes } = await continueWorktree({ subagent, spec, continues }, git);
  const moved = await takeCallersCommits(git, spec);
  return workspaceOf(continues.cwd, record, [...notes, ...moved, ...identityNotes]);
}
