/** `prepareWorkspace`: a worktree and branch of its own, or the caller's checkout for this subagent alone. */
import { cancellationSignal } from '@temporalio/activity';
import type {
  Continuation,
  Isolation,
  PrepareInput,
  SubagentRef,
  WorkerActivities,
  Workspace,
} from '../src/contract/index.ts';
import { readCheckoutClaim } from '../src/git/checkout-lock.ts';
import { gitDirs } from '../src/git/repository.ts';
import { programNames, settingsAgainst, type Planted } from '../src/git/planted.ts';
import { beginWatch, plantedIn, watchFolder } from '../src/git/program-watch.ts';
import { withSettings } from '../src/git/run.ts';
import type { Surroundings } from '../src/git/surroundings.ts';
import { guarded } from '../src/home/guarded.ts';
import { checkAllowed, checkInHome } from '../src/home/allowed-repos.ts';
import { lockWorktree } from '../src/git/worktree.ts';
import { readWorkspaceRecord } from '../src/home/workspace-record.ts';
import { noteRun, runRecordPath } from '../src/home/run-record.ts';
import { continueWorktree } from './continued-workspace.ts';
import { reportingFailures } from './failures.ts';
import { prepareInPlace } from './in-place.ts';
import { prepareWorktree } from './new-worktree.ts';
import { identityFor, workspaceOf, type WorkspaceDependencies } from './workspace-common.ts';

export function createWorkspaceActivities(
  on: WorkspaceDependencies,
): Pick<WorkerActivities, 'prepareWorkspace'> {
  return {
    prepareWorkspace: (input) =>
      reportingFailures(async () => {
        const { subagent, spec } = input;
        // Admission has asked this already; a workflow can be started past it. Clones of URLs are of those allowed.
        const { repos } = on.settings;
        const { repositories, worktrees } = on.home.paths;
        const roots = repos && [...repos, repositories];
        checkAllowed(spec.repo, roots);
        if (spec.continues) {
          checkAllowed(spec.continues.repository, roots);
          if (spec.continues.cwd !== spec.continues.repository)
            checkInHome(spec.continues.cwd, worktrees, repos);
        }
        const workspace = goingOn(on, input, await prepare(on, input));
        const { cwd, branch, base, repository = spec.repo } = workspace;
        const { isolation } = spec;
        if (isolation === 'worktree') await lockWorktree({ cwd, commonDir: gitDirs(repository).commonDir });
        noteRun(on.home, { subagent, isolation, repository, cwd, branch, base });
        const before = surroundingsBefore({ subagent, isolation, cwd })?.programs;
        const until = runRecordPath(on.home, subagent);
        if (before !== undefined) await beginWatch(repository, subagent.runId, { before, until });
        return workspace;
      }, [
        'BAD_INPUT',
        'NOT_A_REPOSITORY',
        'UNKNOWN_BASE',
        'BRANCH_BLOCKED',
        'BRANCH_GONE',
        'CHECKOUT_BUSY',
        'REPO_REFUSED',
      ]),
  };
}

/** What there was around the workspace of a subagent before it began; undefined where nothing is known of that. */
export function surroundingsBefore({
  subagent,
  isolation,
  cwd,
}: {
  readonly subagent: SubagentRef;
  readonly isolation: Isolation;
  readonly cwd: string;
}): Surroundings | undefined {
  return isolation === 'in-place'
    ? readCheckoutClaim(gitDirs(cwd).gitDir, subagent.runId)?.surroundings
    : readWorkspaceRecord(cwd)?.surroundings;
}

async function prepare(on: WorkspaceDependencies, input: PrepareInput): Promise<Workspace> {
  const { repo, isolation, continues } = input.spec;
  const over = on.ended?.signal(input.subagent);
  const signal = AbortSignal.any([cancellationSignal(), ...(over ? [over] : [])]);
  if (isolation === 'worktree' && continues) return prepareContinued(on, input, continues, signal);
  const planted = await plantedIn(repo);
  const workspace = await withSettings(settingsAgainst(planted), () =>
    isolation === 'in-place'
      ? prepareInPlace(on, input, planted)
      : prepareWorktree(on, input, planted, signal),
  );
  return { ...workspace, notes: [...workspace.notes, ...plantedNotes(repo, planted)] };
}

/** What an earlier subagent has configured may be meant to stay: only its user can say so. */
function plantedNotes(repo: string, planted: Planted): string[] {
  const keys = programNames(planted);
  if (keys.length === 0) return [];
  return [
    `git runs none of the programs of ${keys.join(', ')} for us, which were configured while a subagent worked in ${repo}; ` +
      `if they are yours, remove ${watchFolder(repo)} once none works there`,
  ];
}

/** Says of a continued subagent whether its conversation is there to go on with. */
function goingOn(
  { hasConversation }: WorkspaceDependencies,
  { subagent, spec: { continues } }: PrepareInput,
  workspace: Workspace,
): Workspace {
  if (continues === undefined || hasConversation(subagent.copilotSessionId)) return workspace;
  const note = `Copilot's conversation of ${subagent.label}@${continues.run} is gone: a new one began, and was told of that run`;
  return { ...workspace, newConversation: true, notes: [...workspace.notes, note] };
}

async function prepareContinued(
  { home, sweep }: WorkspaceDependencies,
  { subagent, spec }: PrepareInput,
  continues: Continuation,
  signal: AbortSignal,
): Promise<Workspace> {
  const { identity, identityNotes } = await identityFor(home, continues.repository);
  await sweep(subagent.copilotSessionId);
  const options = { env: identity, signal, copilotSessionId: subagent.copilotSessionId };
  const place = { cwd: continues.cwd, isolation: spec.isolation, runId: subagent.runId };
  const { record, notes } = await guarded(place, () =>
    continueWorktree({ subagent, spec, continues }, options),
  );
  return workspaceOf(continues.cwd, record, [...notes, ...identityNotes]);
}
