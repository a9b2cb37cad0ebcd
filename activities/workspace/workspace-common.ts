/** Functions that all kinds of workspaces share. */
import type { EndedRuns } from '../../src/home/ended-runs.ts';
import { SubagentsError, type PrepareInput, type Workspace } from '../../src/contract/index.ts';
import type { GetRunState } from '../../src/git/locks/checkout-lock.ts';
import {
  FALLBACK_IDENTITY,
  identityEnvironment,
  usesFallbackIdentity,
  type IdentityEnvironment,
} from '../../src/git/trust/identity.ts';
import { ensureNormalBranch } from '../../src/git/branches/branch.ts';
import { recreateBranch } from '../../src/git/branches/lost-commits.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { lookUp } from '../../src/git/repository.ts';
import {
  adminDir,
  isWorktree,
  restoreWorktree,
  type WorktreeLocation,
} from '../../src/git/worktrees/worktree.ts';
import {
  readWorkspaceRecord,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../../src/home/workspace-record.ts';
import type { Settings } from '../../src/home/settings.ts';
import type { Git } from '../../src/git/git.ts';

/** The paths of the worker's home that workspaces use. */
export interface WorkspaceHome {
  readonly root: string;
  readonly paths: {
    readonly copilot: string;
    readonly worktrees: string;
    readonly runs: string;
    readonly repositories: string;
    readonly sandboxes: string;
    readonly caches: string;
    readonly running: string;
  };
}

/** What the workspace activities need of their worker. */
export interface WorkspaceDependencies {
  readonly home: WorkspaceHome;
  readonly settings: {
    readonly repos: readonly string[] | undefined;
    /** Default: `on`. */
    readonly sandbox?: Settings['sandbox'];
    /** Folders that sandboxed subagents may read; default: none. */
    readonly sandboxRead?: readonly string[];
    /** Package caches of sandboxes; default: `off`. */
    readonly sandboxCaches?: Settings['sandboxCaches'];
    /** What each sandbox may take; default: the one of this machine. */
    readonly sandboxBounds?: Settings['sandboxBounds'];
  };
  /** Returns the state of the run that holds a checkout. */
  readonly runState: GetRunState;
  /**
   * Ends processes that an earlier attempt for this subagent left behind, such as a git process that outlived its
   * worker.
   */
  readonly sweep: (copilotSessionId: string) => Promise<unknown>;
  /** Whether Copilot still has the conversation of this session. */
  readonly hasConversation: (copilotSessionId: string) => boolean;
  /** Ended runs, for which no workspace is made; default: none. */
  readonly ended?: EndedRuns;
}

/** Checks that the repository has the base commit. @throws SubagentsError UNKNOWN_BASE */
export async function checkBase(git: Git, base: PrepareInput['spec']['base']): Promise<void> {
  if ((await lookUp(git, base.commit)).commit) return;
  throw new SubagentsError(
    'UNKNOWN_BASE',
    `${git.cwd} no longer has the commit ${base.commit} (${base.name} when it was spawned)`,
    { remedy: 'Spawn it again from a commit that exists there.' },
  );
}

/** Returns the workspace of `record`; `notes` are added to those in the record. */
export function workspaceOf(cwd: string, record: WorkspaceRecord, notes: readonly string[]): Workspace {
  const { branch, base } = record;
  return { kind: 'workspace', cwd, branch, base, notes: [...record.notes, ...notes] };
}

/**
 * Restores the worktree of `record`, and updates the record when the worktree has a new folder.
 * @returns notes on what was repaired.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function restoreRecorded(
  place: WorktreeLocation,
  record: WorkspaceRecord,
  git: Git,
): Promise<readonly string[]> {
  const { branch, base, start = base, folder: known, snapshot } = record;
  const since = snapshot?.at === undefined ? undefined : Date.parse(snapshot.at);
  const own = await ensureNormalBranch(git.in(place.commonDir), branch);
  const back = await recreateBranch({ ...place, admin: adminDir(place) }, { branch, start, since }, git);
  const { notes, folder } = await restoreWorktree(place, { branch, base: start, folder: known }, git);
  if (folder !== known) writeWorkspaceRecord(place.cwd, { ...record, folder });
  return [...own, ...back, ...notes];
}

/**
 * Ensures that `cwd` is the worktree of its record. Call before and after commands that may have replaced it: git
 * would follow a link at `cwd` into another checkout.
 * @returns notes on what was repaired.
 * @throws SubagentsError GIT, DISK_FULL
 */
export async function ensureOwnWorktree(git: Git): Promise<readonly string[]> {
  const { cwd } = git;
  const record = readWorkspaceRecord(cwd);
  if (record === undefined) return [];
  const place = { cwd, commonDir: gitDirs(record.repo).commonDir };
  return isWorktree(place) ? [] : restoreRecorded(place, record, git);
}

/** A note on variables that the spawn names and this worker does not have. */
export function missingVariables({ env }: PrepareInput['spec']): string[] {
  const missing = ((env as readonly string[] | undefined) ?? []).filter(
    (name) => process.env[name] === undefined,
  );
  return missing.length === 0 ? [] : [`the worker has no variable ${missing.join(', ')}`];
}

/** Returns the environment for git calls that write, and a note when the identity in it is not the user's. */
export async function identityFor(
  home: WorkspaceHome,
  git: Git,
): Promise<{ identity: IdentityEnvironment; identityNotes: readonly string[] }> {
  const identity = await identityEnvironment(git.in(home.root));
  if (!(await usesFallbackIdentity(git))) return { identity, identityNotes: [] };
  const { name, email } = FALLBACK_IDENTITY;
  return {
    identity,
    identityNotes: [`git has no user.name or user.email here: the author of commits is ${name} <${email}>`],
  };
}
