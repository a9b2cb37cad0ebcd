/** `checkWorker`: what a subagent would need on this worker, and whether it is there. Changes nothing. */
import { cancellationSignal } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { join } from 'node:path';
import {
  CHECK_TIMEOUT_MS,
  CONTRACT_VERSION,
  SETTINGS_FILE,
  workerName,
  type Check,
  type CheckWorkerInput,
  type HostActivities,
} from '../../src/contract/index.ts';
import { failed, ok } from '../../src/checks/check.ts';
import { checkCopilot, checkModel } from '../../src/checks/copilot.ts';
import { checkDisk, checkGit, checkSandbox, checkSettings } from '../../src/checks/machine.ts';
import { checkPrograms } from '../../src/checks/programs.ts';
import { Git } from '../../src/git/git.ts';
import { cloneTip, fileOfTip, remoteCommit } from '../../src/git/remote.ts';
import { checkAllowed } from '../../src/home/allowed-repos.ts';
import type { Home } from '../../src/home/home.ts';
import { withScratch } from '../../src/system/scratch-folder.ts';
import { version } from '../../src/system/version.ts';
import { chooseModel, type ModelSettings } from '../turn/choose-model.ts';
import { commandEnvironment } from '../verification/command-environment.ts';
import { readRepositorySettings } from '../workspace/repository-settings.ts';

/** How long reading a repository may take, so that the other checks are not lost with it. */
const CLONE_TIMEOUT_MS = CHECK_TIMEOUT_MS / 2;

/** What `checkWorker` needs of its worker. */
export interface CheckDependencies {
  readonly home: Pick<Home, 'root' | 'workerId' | 'host' | 'user'>;
  readonly settings: ModelSettings & { readonly repos: readonly string[] | undefined };
  readonly client: Client;
  readonly env: NodeJS.ProcessEnv;
  /** What the worker's store is, if it has one. @throws why it cannot be used */
  readonly lookAtStore: () => Promise<{ readonly id: string; readonly place: string } | undefined>;
}

/** Creates the `checkWorker` activity. */
export function createCheckActivities(deps: CheckDependencies): Pick<HostActivities, 'checkWorker'> {
  const { home, env } = deps;
  const { workerId, host, user, root } = home;
  return {
    async checkWorker({ repo }: CheckWorkerInput) {
      const who = `${workerName(workerId, host)}, as ${user}, version ${version()} (contract ${CONTRACT_VERSION})`;
      const [server, store, git, copilot, model, sandbox, repository] = await Promise.all([
        checkServer(deps),
        checkStore(deps),
        checkGit(env),
        checkCopilot(env),
        checkModel(env),
        checkSandbox(env),
        repo !== undefined && checkRepository(deps, repo, cancellationSignal()),
      ]);
      const here = [checkSettings(env), sandbox, checkDisk(root, env)];
      const checks = [
        ok('worker', who),
        server,
        store,
        git,
        copilot,
        ...model,
        ...here,
        ...(repository || []),
      ];
      return { workerId, host, checks };
    },
  };
}

/** Checks how fast the server answers this worker. */
async function checkServer({ client }: CheckDependencies): Promise<Check> {
  const began = performance.now();
  try {
    const { serverVersion } = await client.workflowService.getSystemInfo({});
    const { namespace } = client.options;
    const took = Math.ceil(performance.now() - began);
    return ok('server', `Temporal ${serverVersion}, namespace ${namespace}, answers in ${took} ms`);
  } catch (error) {
    return failed('server', error, 'see the log of the worker');
  }
}

/** Checks the store of this worker, through which checkouts come. */
async function checkStore({ lookAtStore }: CheckDependencies): Promise<Check> {
  try {
    const store = await lookAtStore();
    return ok(
      'store',
      store ? `${store.id}, at ${store.place}` : 'none: no checkout can be sent to this worker',
    );
  } catch (error) {
    return failed('store', error, 'see `subagents store status` on the worker');
  }
}

/** Checks whether this worker can read the repository, and has what its settings ask for. */
async function checkRepository(
  { home, settings }: CheckDependencies,
  url: string,
  signal: AbortSignal,
): Promise<Check[]> {
  const remedy = 'check the URL, and the credentials of the worker’s user';
  try {
    checkAllowed(url, settings.repos);
    const began = performance.now();
    const commit = await remoteCommit(url);
    return await withScratch(async (folder) => {
      const path = join(folder, 'clone.git');
      await cloneTip(url, path, Git.at(folder, { signal, timeoutMs: CLONE_TIMEOUT_MS }));
      const took = ((performance.now() - began) / 1_000).toFixed(1);
      const cloned = ok('clone', `${url} at ${commit.slice(0, 12)}, read in ${took} s`);
      return [cloned, ...(await checkSettingsOf(Git.at(path, { signal }), { home, settings }))];
    });
  } catch (error) {
    return [failed('clone', error, remedy)];
  }
}

/** Checks what `.subagents.json` of the newest commit asks for. */
async function checkSettingsOf(
  git: Git,
  { home, settings }: Pick<CheckDependencies, 'home' | 'settings'>,
): Promise<Check[]> {
  try {
    const text = await fileOfTip(git, SETTINGS_FILE);
    if (text === undefined)
      return [
        ok('commands', `the repository has no ${SETTINGS_FILE}: a spawn names set-up and verification`),
      ];
    const { setup = [], verify = [], model } = await readRepositorySettings(git, 'HEAD', text.length);
    chooseModel(settings, undefined, model);
    const { PATH = '' } = await commandEnvironment(home, {});
    const hasFile = async (path: string): Promise<boolean> =>
      (await git.run(['ls-tree', '--name-only', 'HEAD', '--', path])) !== '';
    return [await checkPrograms({ setup, verify }, PATH, hasFile)];
  } catch (error) {
    return [failed('commands', error, `correct ${SETTINGS_FILE}`)];
  }
}
