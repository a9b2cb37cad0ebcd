/** `cloneRepository` and `pushBranch`: clone a repository named by URL, and push the subagent's branch to it. */
import { existsSync } from 'node:fs';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import {
  HEARTBEAT_INTERVAL_MS,
  NO_USAGE,
  SETTINGS_FILE,
  type CloneInput,
  type CloneResult,
  type ActivityProgress,
  type PushInput,
  type PushResult,
  type ResolvedSpec,
  type SettingsTaken,
  type WorkerActivities,
} from '../../src/contract/index.ts';
import { branchBlocked } from '../../src/git/branches/branch.ts';
import { clone, fetchCommit, pushTo } from '../../src/git/remote.ts';
import { lookUp } from '../../src/git/repository.ts';
import { checkSigning } from '../../src/git/trust/signing.ts';
import { checkAllowed, checkInHome } from '../../src/home/allowed-repos.ts';
import { clonePath, withCloneLock, unfinishedClonePath, withClone } from '../../src/home/clones.ts';
import { diskUsage } from '../../src/system/disk.ts';
import { chooseModel, type ModelSettings } from '../turn/choose-model.ts';
import { withFailureCodes } from '../failures.ts';
import {
  checkCheckoutAllowed,
  checkoutName,
  makeCheckoutClone,
  receiveCheckout,
  withoutStore,
  type RequireStore,
} from './checkout.ts';
import { openPart, pickOpenSettings, readRepositorySettings, settingsNote } from './repository-settings.ts';
import { checkSandboxed, type SandboxSettings } from './sandboxed.ts';
import { Git } from '../../src/git/git.ts';

/** What the clone activities need of their worker. */
export interface CloneDependencies {
  readonly home: { readonly paths: { readonly repositories: string } };
  readonly settings: ModelSettings & SandboxSettings & { readonly repos?: readonly string[] | undefined };
  /** Opens the worker's store, for checkouts that a pool took; default: there is none. */
  readonly requireStore?: RequireStore;
}

/** Creates the `cloneRepository` and `pushBranch` activities. */
export function createCloneActivities(
  deps: CloneDependencies,
): Pick<WorkerActivities, 'cloneRepository' | 'pushBranch'> {
  return {
    cloneRepository: (input) =>
      withFailureCodes(() => cloneRepository(deps, input, cancellationSignal()), REFUSALS),
    pushBranch: (input) => withFailureCodes(() => pushBranch(input, cancellationSignal())),
  };
}

const REFUSALS = [
  'BAD_INPUT',
  'UNKNOWN_BASE',
  'BRANCH_BLOCKED',
  'MODEL_REFUSED',
  'REPO_REFUSED',
  'SIGNING',
  'NO_SANDBOX',
  'NO_STORE',
  'OTHER_STORE',
  'STORE_DAMAGED',
] as const;

async function cloneRepository(
  { home, settings, requireStore = withoutStore }: CloneDependencies,
  { subagent, spec }: CloneInput,
  signal: AbortSignal,
): Promise<CloneResult> {
  const { repo: url, base, continues, checkout } = spec;
  if (checkout === undefined) checkAllowed(url, settings.repos);
  else checkCheckoutAllowed(spec, settings.repos);
  const name = checkout === undefined ? url : checkoutName(spec);
  const path = continues?.repository ?? clonePath(home, name);
  checkInHome(path, home.paths.repositories, settings.repos);
  const git = Git.at(path, { signal, copilotSessionId: subagent.copilotSessionId });
  const told = heartbeatProgress(url, path);
  try {
    let made = false;
    await withClone(
      path,
      async (folder) => {
        await (checkout === undefined ? clone(url, folder, git) : makeCheckoutClone(checkout, folder, git));
        made = true;
      },
      () =>
        checkout === undefined
          ? fetchCommit(git, url, base.commit)
          : receiveCheckout(git, checkout, subagent, requireStore),
      signal,
    );
    const unsure = spec.signing === 'off' ? [] : await checkSigning(git);
    const { defaults, notes } = await settingsOf(git, spec, settings);
    await checkSandboxed({ ...spec, ...defaults }, settings);
    const news = made ? [`${url} was cloned to ${path}`] : [];
    return { kind: 'cloned', repository: path, defaults, notes: [...news, ...unsure, ...notes] };
  } finally {
    told.end();
  }
}

/** Reads the settings that the spawn left open from the base commit. For a local checkout, admission does this. */
async function settingsOf(
  git: Git,
  spec: ResolvedSpec,
  settings: ModelSettings,
): Promise<{ readonly defaults: SettingsTaken; readonly notes: readonly string[] }> {
  const { commit } = spec.base;
  const { blockingBranch, paths } = await lookUp(git, commit, [SETTINGS_FILE]);
  if (blockingBranch) throw branchBlocked(git.cwd);
  const size = paths.get(SETTINGS_FILE);
  if (size === undefined) return { defaults: {}, notes: [] };
  const said = openPart(spec, await readRepositorySettings(git, commit, size));
  const model = spec.leftOpen.includes('model') ? said.model : undefined;
  if (model !== undefined) chooseModel(settings, undefined, model);
  const defaults: SettingsTaken = { ...pickOpenSettings(spec, said), ...(model !== undefined && { model }) };
  return { defaults, notes: settingsNote(commit, defaults) };
}

/** Sends heartbeats with the progress of the clone until `end` is called. */
function heartbeatProgress(url: string, path: string): { end: () => void } {
  const since = new Date().toISOString();
  let size = 0;
  let lastEventAt = since;
  let looking = false;
  const look = async (): Promise<void> => {
    looking = true;
    const bytes = await diskUsage([unfinishedClonePath(path)]);
    if (bytes !== size) lastEventAt = new Date().toISOString();
    size = bytes;
    looking = false;
  };
  const timer = setInterval(() => {
    if (!looking) void look();
    const soFar = size === 0 ? '' : ` (${(size / 1e6).toFixed(1)} MB so far)`;
    const doing = `${existsSync(path) ? 'fetches from' : 'clones'} ${url}${soFar}`;
    heartbeat({ doing, since, lastEventAt, usage: NO_USAGE } satisfies ActivityProgress);
  }, HEARTBEAT_INTERVAL_MS);
  return { end: () => clearInterval(timer) };
}

async function pushBranch(
  { subagent, repository, remote, commit }: PushInput,
  signal: AbortSignal,
): Promise<PushResult> {
  const git = Git.at(repository, { signal, copilotSessionId: subagent.copilotSessionId });
  const ref = await withCloneLock(repository, signal, () =>
    pushTo(git, remote, { commit, stem: subagent.label }),
  );
  return { kind: 'pushed', push: { remote, ref, commit } };
}
