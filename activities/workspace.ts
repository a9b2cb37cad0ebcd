/** `prepareWorkspace`: a worktree and branch of its own, or the caller's checkout for this subagent alone. */
import { existsSync, rmSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { cancellationSignal } from '@temporalio/activity';
import {
  SubagentsError,
  type Continuation,
  type Isolation,
  type PrepareInput,
  type SubagentRef,
  type WorkerActivities,
  type Workspace,
} from '../src/contract/index.ts';
import { createBranch, madeWith } from '../src/git/branch.ts';
import { inWords, releaseCarried } from '../src/git/carry.ts';
import {
  readCheckoutClaim,
  releaseCheckout,
  takeCheckout,
  type AskRunState,
} from '../src/git/checkout-lock.ts';
import {
  FALLBACK_IDENTITY,
  identityEnvironment,
  usesFallbackIdentity,
  type IdentityEnvironment,
} from '../src/git/identity.ts';
import { includeIgnored } from '../src/git/include.ts';
import { gitDirs, lookUp } from '../src/git/repository.ts';
import { settingsAgainst, type Planted } from '../src/git/planted.ts';
import { beginWatch, plantedIn, watchFolder, withoutPlanted } from '../src/git/program-watch.ts';
import { git, withSettings } from '../src/git/run.ts';
import { checkoutStatus } from '../src/git/status.ts';
import { readSurroundings, type Surroundings } from '../src/git/surroundings.ts';
import { addSubmodules } from '../src/git/submodules.ts';
import { addWorktree, discardWorktree, restoreWorktree } from '../src/git/worktree.ts';
import { guarded } from '../src/home/guarded.ts';
import { checkAllowed, checkInHome } from '../src/home/allowed-repos.ts';
import {
  readWorkspaceRecord,
  runFolder,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../src/home/workspace-record.ts';
import { noteRun, runRecordPath } from '../src/home/run-record.ts';
import { continueWorktree } from './continued-workspace.ts';
import { reportingFailures } from './failures.ts';

/** The home of the worker, as far as workspaces go. */
export interface WorkspaceHome {
  readonly root: string;
  readonly paths: { readonly worktrees: string; readonly runs: string; readonly repositories: string };
}

export interface WorkspaceDependencies {
  readonly home: WorkspaceHome;
  readonly settings: { readonly repos: readonly string[] | undefined };
  /** Whether the holder of a checkout is still at work. */
  readonly runState: AskRunState;
  /** Ends processes that an earlier attempt for this subagent left behind, such as a git that outlived its worker. */
  readonly sweep: (copilotSessionId: string) => Promise<unknown>;
  /** Whether Copilot has the conversation of this session. */
  readonly hasConversation: (copilotSessionId: string) => boolean;
}

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
  const signal = cancellationSignal();
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
  const keys = Object.keys(planted);
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

/** Gives an in-place checkout back. Does nothing where that subagent does not have it, or the checkout is gone. */
export async function releaseWorkspace(repo: string, { runId }: Pick<SubagentRef, 'runId'>): Promise<void> {
  if (existsSync(join(repo, '.git'))) releaseCheckout(gitDirs(repo).gitDir, runId);
}

/** Where the worktree of a subagent is, by name alone. */
export async function worktreePath(home: WorkspaceHome, subagent: SubagentRef): Promise<string> {
  await mkdir(home.paths.worktrees, { recursive: true, mode: 0o700 });
  return join(await realpath(home.paths.worktrees), runFolder(subagent));
}

async function prepareWorktree(
  { home, sweep }: WorkspaceDependencies,
  { subagent, spec }: PrepareInput,
  planted: Planted,
  signal: AbortSignal,
): Promise<Workspace> {
  const { commonDir } = gitDirs(spec.repo);
  const start = spec.carried?.commit ?? spec.base.commit;
  const [cwd, { identity, identityNotes }] = await Promise.all([
    worktreePath(home, subagent),
    identityFor(home, spec.repo),
    checkBase(spec.repo, { ...spec.base, commit: start }),
  ]);
  const ownNotes = [...identityNotes, ...missingVariables(spec)];
  const options = { env: identity, signal, copilotSessionId: subagent.copilotSessionId };
  const place = { cwd, commonDir };
  const mark = `subagents: made for ${subagent.workflowId} ${subagent.runId}`;

  let record = readWorkspaceRecord(cwd);
  if (record === undefined && existsSync(cwd)) {
    throw new SubagentsError('GIT', `${cwd} exists, and nothing tells what it is`, {
      remedy: `Save what you need of it, then remove it.`,
    });
  }
  if (record?.state === 'ready') {
    const restored = await restoreWorktree(place, { branch: record.branch, base: start }, options);
    return workspaceOf(cwd, record, [...restored, ...ownNotes]);
  }

  // Looked at while the worktree is made, which touches nothing of it.
  const around = trusted(readSurroundings(spec.repo), planted);
  around.catch(() => undefined);
  // From here on nothing of value can be lost: no turn has begun, so what is there is a making that was cut short.
  let branch: string | undefined;
  if (record) {
    await sweep(subagent.copilotSessionId);
    await discardWorktree(place);
    if (await madeWith(spec.repo, record.branch, mark)) branch = record.branch;
  }
  const noted = (
    name: string,
    state: WorkspaceRecord['state'],
    { notes = [], surroundings }: Pick<Partial<WorkspaceRecord>, 'notes' | 'surroundings'> = {},
  ): WorkspaceRecord => {
    record = {
      workflowId: subagent.workflowId,
      runId: subagent.runId,
      repo: spec.repo,
      base: spec.base.commit,
      ...(start !== spec.base.commit && { start }),
      branch: name,
      state,
      notes,
      leftBySetUp: [],
      leftByVerification: [],
      ...(surroundings && { surroundings }),
    };
    writeWorkspaceRecord(cwd, record);
    return record;
  };
  try {
    branch ??= await createBranch(
      { ...options, cwd: spec.repo },
      { stem: subagent.label, commit: start, mark },
      (name) => noted(name, 'making'),
    );
    await addWorktree(place, branch, options);
    const notes = [
      ...carriedNotes(spec.carried),
      ...(await addSubmodules(cwd, spec.repo, options)),
      ...(await includeIgnored({ from: spec.repo, to: cwd, commit: start }, options)),
    ];
    if (spec.carried) await releaseCarried(spec.repo, start);
    return workspaceOf(cwd, noted(branch, 'ready', { notes, surroundings: await around }), ownNotes);
  } catch (error) {
    // Nothing half-made stays behind. Without the signal: it may be what ended the making.
    await discardWorktree(place).catch(() => undefined);
    if (record && (await madeWith(spec.repo, record.branch, mark))) {
      await git(['update-ref', '-d', `refs/heads/${record.branch}`, start], {
        ...options,
        signal: undefined,
        cwd: spec.repo,
      }).catch(() => undefined);
    }
    rmSync(`${cwd}.json`, { force: true });
    throw error;
  }
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

/** What others have configured is not there to stay, whoever else may be at work. */
async function trusted(read: Promise<Surroundings>, planted: Planted): Promise<Surroundings> {
  const found = await read;
  return { ...found, programs: withoutPlanted(found.programs, planted) };
}

async function prepareInPlace(
  { home, runState }: WorkspaceDependencies,
  { subagent, spec }: PrepareInput,
  planted: Planted,
): Promise<Workspace> {
  const { gitDir } = gitDirs(spec.repo);
  const [status, { identityNotes }, surroundings] = await Promise.all([
    checkoutStatus(spec.repo),
    identityFor(home, spec.repo),
    trusted(readSurroundings(spec.repo, 'in-place'), planted),
    checkBase(spec.repo, spec.base),
  ]);
  const held = readCheckoutClaim(gitDir, subagent.runId);
  const head = status.head ?? spec.base.commit;
  if (!held && !spec.continues && head !== spec.base.commit && spec.base.name !== 'HEAD') {
    throw new SubagentsError(
      'BAD_INPUT',
      `in-place works on what is checked out, and ${spec.repo} is at ${head.slice(0, 10)}, not at ${spec.base.name}`,
      { remedy: `Check out ${spec.base.name} there first, or use isolation "worktree".` },
    );
  }
  const uncommitted = [...status.changed.map(({ path }) => path), ...status.untracked];
  const { workflowId, runId, label, session, run } = subagent;
  const claim = await takeCheckout(
    gitDir,
    {
      ...{ workflowId, runId, label, session, run },
      home: home.root,
      since: new Date().toISOString(),
      base: spec.continues ? spec.base.commit : head,
      branch: status.branch ?? null,
      uncommittedBefore: uncommitted.slice(0, 1_000),
      surroundings,
    },
    runState,
  );
  const notes = [...identityNotes, ...missingVariables(spec)];
  if (claim.base !== spec.base.commit) {
    notes.push(
      `HEAD was ${spec.base.commit.slice(0, 10)} at spawn and ${claim.base.slice(0, 10)} when it began: it works on the latter`,
    );
  }
  if (claim.uncommittedBefore.length > 0) {
    notes.push(`the checkout had ${claim.uncommittedBefore.length} uncommitted changes before it began`);
  }
  return { kind: 'workspace', cwd: spec.repo, branch: claim.branch, base: claim.base, notes };
}

async function checkBase(repo: string, base: PrepareInput['spec']['base']): Promise<void> {
  if ((await lookUp(repo, base.commit)).commit) return;
  throw new SubagentsError(
    'UNKNOWN_BASE',
    `${repo} no longer has the commit ${base.commit} (${base.name} when it was spawned)`,
    { remedy: 'Spawn it again from a commit that is there.' },
  );
}

function workspaceOf(cwd: string, record: WorkspaceRecord, notes: readonly string[]): Workspace {
  const { branch, base } = record;
  return { kind: 'workspace', cwd, branch, base, notes: [...record.notes, ...notes] };
}

function carriedNotes(carried: PrepareInput['spec']['carried']): string[] {
  if (!carried) return [];
  const what = `the uncommitted changes of the caller (${inWords(carried)})`;
  return [`its first commit, ${carried.commit.slice(0, 12)}, holds ${what}`];
}

/** Variables that the spawn names and this worker does not have. */
function missingVariables({ env }: PrepareInput['spec']): string[] {
  const missing = ((env as readonly string[] | undefined) ?? []).filter(
    (name) => process.env[name] === undefined,
  );
  return missing.length === 0 ? [] : [`the worker has no variable ${missing.join(', ')}`];
}

/** The environment of git calls that write, and what to say where the identity in it is not the user's. */
async function identityFor(
  home: WorkspaceHome,
  repo: string,
): Promise<{ identity: IdentityEnvironment; identityNotes: readonly string[] }> {
  const identity = await identityEnvironment(home.root);
  if (!(await usesFallbackIdentity(repo, identity))) return { identity, identityNotes: [] };
  const { name, email } = FALLBACK_IDENTITY;
  return {
    identity,
    identityNotes: [`git has no user.name or user.email here: commits are by ${name} <${email}>`],
  };
}
