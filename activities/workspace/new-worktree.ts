/**
 * Makes a worktree and a branch for a subagent: completely or not at all. A repeated call finds the existing
 * worktree.
 */
import { existsSync, rmSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import {
  SubagentsError,
  type PrepareInput,
  type SubagentRef,
  type Workspace,
} from '../../src/contract/index.ts';
import { createBranch, wasCreatedWith } from '../../src/git/branches/branch.ts';
import { fileCountsText, releaseCarried } from '../../src/git/worktrees/carry.ts';
import { includeIgnored } from '../../src/git/worktrees/include.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { Git } from '../../src/git/git.ts';
import { readRepositorySnapshot } from '../../src/git/trust/repository-snapshot.ts';
import {
  innerGitConfig,
  makePrivateRepository,
  removePrivateRepository,
} from '../../src/git/worktrees/private-repository.ts';
import { readSparse } from '../../src/git/worktrees/sparse.ts';
import { addSubmodules } from '../../src/git/worktrees/submodules.ts';
import { addWorktree, discardWorktree } from '../../src/git/worktrees/worktree.ts';
import { closeNetwork } from '../../src/sandbox/network/proxies.ts';
import { closeSandbox, openSandbox, sandboxFolders, sandboxOf } from '../../src/home/sandboxes.ts';
import { ensurePrivateDir, writePrivateFile } from '../../src/system/files.ts';
import { folderId } from '../../src/system/own-folder.ts';
import {
  readWorkspaceRecord,
  runFolder,
  writeWorkspaceRecord,
  type WorkspaceRecord,
} from '../../src/home/workspace-record.ts';
import { defaultBounds } from '../../src/home/settings.ts';
import { readableWorktreeStatus } from '../../src/git/commits/own-index.ts';
import { snapshotIgnored } from '../evidence/ignored.ts';
import {
  checkBase,
  identityFor,
  missingVariables,
  restoreRecorded,
  workspaceOf,
  type WorkspaceDependencies,
  type WorkspaceHome,
} from './workspace-common.ts';

/**
 * Makes the worktree, or restores the one made before.
 * @throws SubagentsError UNKNOWN_BASE, GIT, DISK_FULL, BRANCH_BLOCKED
 */
export async function prepareWorktree(
  deps: WorkspaceDependencies,
  { subagent, spec }: PrepareInput,
  signal: AbortSignal,
): Promise<Workspace> {
  const { home, sweep } = deps;
  // A sandboxed subagent works in a repository of its own.
  const own = spec.sandbox ? sandboxFolders(home, subagent).repository : spec.repo;
  const start = spec.carried?.commit ?? spec.base.commit;
  const repo = Git.at(spec.repo, { trusted: spec.trustRepo });
  const [cwd, { identity, identityNotes }] = await Promise.all([
    worktreePath(home, subagent),
    identityFor(home, repo),
    checkBase(repo, { ...spec.base, commit: start }),
  ]);
  const ownNotes = [...identityNotes, ...missingVariables(spec)];
  const git = repo.in(cwd).with({ env: identity, signal, copilotSessionId: subagent.copilotSessionId });
  const mark = markOf(subagent);

  let record = readWorkspaceRecord(cwd);
  if (record === undefined && existsSync(cwd)) {
    throw new SubagentsError('GIT', `${cwd} exists, but has no record that says which subagent made it`, {
      remedy: `Save what you need from it, then remove it.`,
    });
  }
  if (record?.state === 'ready') {
    const place = { cwd, commonDir: gitDirs(own).commonDir };
    const restored = await restoreRecorded(place, record, git);
    return workspaceOf(cwd, record, [...restored, ...ownNotes]);
  }

  // Runs while the worktree is made, which changes nothing that the snapshot contains.
  const around = readRepositorySnapshot(repo);
  around.catch(() => undefined);
  // Nothing of value can be lost from here on: no turn has begun, so existing files come from an interrupted
  // attempt.
  let branch: string | undefined;
  if (record) {
    await sweep(subagent.copilotSessionId);
    await discardParts(cwd, record);
    if (await wasCreatedWith(repo, record.branch, mark)) branch = record.branch;
  }
  const noted = (
    name: string,
    state: WorkspaceRecord['state'],
    {
      notes = [],
      snapshot,
      ignored = {},
      ...whole
    }: Pick<Partial<WorkspaceRecord>, 'notes' | 'snapshot' | 'ignored' | 'sparse' | 'written'> = {},
  ): WorkspaceRecord => {
    record = {
      workflowId: subagent.workflowId,
      runId: subagent.runId,
      repo: own,
      ...(spec.sandbox && { sandbox: { caller: spec.repo } }),
      base: spec.base.commit,
      ...(start !== spec.base.commit && { start }),
      branch: name,
      trustRepo: spec.trustRepo,
      state,
      ...(state === 'ready' && { folder: folderId(cwd) }),
      notes,
      leftBySetUp: {},
      leftByVerification: {},
      unfinished: [],
      ignored,
      ...(snapshot && { snapshot }),
      ...whole,
    };
    writeWorkspaceRecord(cwd, record);
    return record;
  };
  try {
    branch ??= await createBranch(git.in(spec.repo), { stem: subagent.label, commit: start, mark }, (name) =>
      noted(name, 'making'),
    );
    if (spec.sandbox) await makeSandbox({ user: git.in(spec.repo), own, branch, start });
    await addWorktree({ cwd, commonDir: gitDirs(own).commonDir }, branch, git);
    const written = new Date().toISOString();
    const notes = [
      ...carriedNotes(spec.carried),
      ...(await addSubmodules(git, spec.repo)),
      ...(await includeIgnored({ from: spec.repo, to: cwd, commit: start }, git)),
    ];
    if (spec.carried) await releaseCarried(repo, start);
    const found = {
      notes,
      snapshot: await around,
      ignored: await snapshotIgnored(git, await readableWorktreeStatus(git)),
      sparse: await readSparse(git),
      written,
    };
    if (spec.sandbox)
      closeSandbox(
        home,
        subagent,
        { cwd, caller: spec.repo, repository: own },
        {
          read: deps.settings.sandboxRead ?? [],
          caches: deps.settings.sandboxCaches,
          network: spec.network,
          bounds: deps.settings.sandboxBounds ?? defaultBounds(),
        },
      );
    return workspaceOf(cwd, noted(branch, 'ready', found), ownNotes);
  } catch (error) {
    if (record) await discard(cwd, record, subagent);
    throw error;
  }
}

/** Removes the incomplete worktree of a subagent that is over. */
export async function discardIncomplete(home: WorkspaceHome, subagent: SubagentRef): Promise<void> {
  const cwd = await worktreePath(home, subagent);
  const record = readWorkspaceRecord(cwd);
  if (record?.state === 'making') await discard(cwd, record, subagent);
}

/** Removes an incomplete worktree. Takes no signal, since the signal may be what interrupted the making. */
async function discard(cwd: string, record: WorkspaceRecord, subagent: SubagentRef): Promise<void> {
  const { branch, base, start = base } = record;
  const user = Git.at(record.sandbox?.caller ?? record.repo);
  try {
    await discardParts(cwd, record);
  } catch {
    // The repository is gone, or another program uses the folder: the next attempt, or clean, handles it.
  }
  if (await wasCreatedWith(user, branch, markOf(subagent)))
    await user.run(['update-ref', '--no-deref', '-d', `refs/heads/${branch}`, start]).catch(() => undefined);
  rmSync(`${cwd}.json`, { force: true });
}

/** Removes what was made of a workspace, except its branch in the caller's repository. */
async function discardParts(cwd: string, { repo, sandbox }: WorkspaceRecord): Promise<void> {
  if (sandbox === undefined) return discardWorktree({ cwd, commonDir: gitDirs(repo).commonDir });
  openSandbox(cwd, repo);
  await discardWorktree({ cwd, commonDir: join(repo, '.git') });
  closeNetwork(sandboxOf(repo).network);
  await removePrivateRepository(repo, Git.at(sandbox.caller));
}

/** Makes the private repository of a sandboxed subagent, with its branch, and the configuration of git inside. */
async function makeSandbox({
  user,
  own,
  branch,
  start,
}: {
  readonly user: Git;
  readonly own: string;
  readonly branch: string;
  readonly start: string;
}): Promise<void> {
  await makePrivateRepository(user, own, start);
  const { home, temporary, gitConfig } = sandboxOf(own);
  for (const folder of [home, temporary]) ensurePrivateDir(folder);
  await user.in(own).run(['update-ref', '--no-deref', '--create-reflog', `refs/heads/${branch}`, start, '']);
  const text = await innerGitConfig(user);
  for (const file of [join(home, '.gitconfig'), gitConfig]) writePrivateFile(file, text);
}

const markOf = ({ workflowId, runId }: SubagentRef): string => `subagents: made for ${workflowId} ${runId}`;

/** Returns the path of a subagent's worktree, whether it exists or not. */
async function worktreePath(home: WorkspaceHome, subagent: SubagentRef): Promise<string> {
  await mkdir(home.paths.worktrees, { recursive: true, mode: 0o700 });
  return join(await realpath(home.paths.worktrees), runFolder(subagent));
}

function carriedNotes(carried: PrepareInput['spec']['carried']): string[] {
  if (!carried) return [];
  const what = `the uncommitted changes of the caller (${fileCountsText(carried)})`;
  return [`its first commit, ${carried.commit.slice(0, 12)}, has ${what}`];
}
