/** `admit`: checks that only this host can make, before anything is started. Every spawn waits for it. */
import {
  isRepositoryUrl,
  SETTINGS_FILE,
  SubagentsError,
  workerName,
  type Admission,
  type AdmitInput,
  type HostActivities,
  type Refusal,
  type RepositorySettings,
  type ResolvedSpec,
} from '../../src/contract/index.ts';
import { branchBlocked } from '../../src/git/branches/branch.ts';
import type { ModelAccess } from '../../src/copilot/runtime/model-access.ts';
import { checkCheckoutFree, type GetRunState } from '../../src/git/locks/checkout-lock.ts';
import { fileAt } from '../../src/git/contents/changes.ts';
import { INCLUDE_FILE } from '../../src/git/worktrees/include.ts';
import { gitDirs } from '../../src/git/git-dirs.ts';
import { lookUp, type Known } from '../../src/git/repository.ts';
import { remoteCommit } from '../../src/git/remote.ts';
import { requireFilters } from '../../src/git/trust/needed-filters.ts';
import { checkSigning } from '../../src/git/trust/signing.ts';
import { withheldFrom } from '../../src/environment/clean.ts';
import { freeBytes, megabytes } from '../../src/system/disk.ts';
import { checkAllowed } from '../../src/home/allowed-repos.ts';
import { chooseModel, type ModelSettings } from '../turn/choose-model.ts';
import { checkCheckoutAllowed, withoutStore, type RequireStore } from '../workspace/checkout.ts';
import { checkBranch } from '../workspace/continued-workspace.ts';
import { DEPENDENCY_PATHS, missingDependencies } from '../workspace/missing-dependencies.ts';
import { checkSandboxed, sandboxOfWorker, type SandboxSettings } from '../workspace/sandboxed.ts';
import {
  openPart,
  pickOpenSettings,
  readRepositorySettings,
  settingsNote,
} from '../workspace/repository-settings.ts';
import { Git } from '../../src/git/git.ts';

/** Files of the start commit that a spawn depends on. */
const PATHS = [SETTINGS_FILE, INCLUDE_FILE, ...DEPENDENCY_PATHS];

/** Maximum number of variables that a note names. */
const MAX_NAMED = 20;

/** What `admit` needs of its worker. */
export interface AdmitDependencies {
  readonly home: { readonly root: string; readonly workerId: string; readonly host: string };
  readonly settings: ModelSettings &
    SandboxSettings & {
      readonly repos?: readonly string[] | undefined;
      /** With less free space in the home than this, in bytes, nothing new is admitted; default: no limit. */
      readonly reserveBytes?: number;
    };
  readonly runState: GetRunState;
  /** Opens the worker's store, for checkouts that a pool takes; default: there is none. */
  readonly requireStore?: RequireStore;
  /** Which models this worker can use. */
  readonly modelAccess: () => Promise<Pick<ModelAccess, 'kind' | 'description' | 'remedy'>>;
  /** The worker's environment; default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Creates the `admit` activity. */
export function createAdmitActivities(deps: AdmitDependencies) {
  return {
    async admit({ specs }: AdmitInput): Promise<Admission[]> {
      // The specs of a list mostly name one repository, so each of its checks runs once.
      const lookUps = new Map<string, Promise<Known>>();
      const signings = new Map<string, Promise<readonly string[]>>();
      const filters = new Map<string, Promise<void>>();
      const files = new Map<string, Promise<RepositorySettings>>();
      const remotes = new Map<string, Promise<string>>();
      const workerChecks = Promise.all([checkModelAccess(deps), (async () => checkSpace(deps))()]);
      workerChecks.catch(() => undefined);
      /** Labels of in-place subagents of this spawn, by checkout. */
      const inPlaceLabels = new Map<string, string>();
      return Promise.all(
        specs.map(async (spec): Promise<Admission> => {
          const { repo, base, isolation, label } = spec;
          try {
            const { checkout } = spec;
            if (checkout === undefined) checkAllowed(repo, deps.settings.repos);
            else checkCheckoutAllowed(spec, deps.settings.repos);
            checkVariables(deps, spec);
            const ownModel = chooseModel(deps.settings, spec.model);
            if (isRepositoryUrl(repo) || checkout !== undefined) {
              // All other checks follow after the clone. The clone of the continued run may be in another worker's
              // home; a worker limited to certain repositories does not look there.
              const look = deps.settings.repos === undefined;
              await Promise.all([
                look && spec.continues && checkBranch(spec.continues, label),
                // Whoever spawned it may read the URL with rights that this worker lacks.
                ...readable(spec).map((url) => memoized(remotes, url, () => remoteCommit(url, base.commit))),
                checkout && (deps.requireStore ?? withoutStore)(checkout.store),
                workerChecks,
              ]);
              const defaults = sandboxOfWorker(deps.settings);
              await checkSandboxed({ ...spec, ...defaults }, deps.settings);
              const notes = withheldNotes(deps, spec);
              return {
                admitted: true,
                ...(ownModel !== undefined && { model: ownModel }),
                ...(Object.keys(defaults).length > 0 && { defaults }),
                ...(notes.length > 0 && { notes }),
              };
            }
            if (spec.continues) checkAllowed(spec.continues.repository, deps.settings.repos);
            if (isolation === 'in-place') {
              const before = inPlaceLabels.get(repo);
              if (before !== undefined) throw checkoutBusy(repo, before);
              inPlaceLabels.set(repo, label);
            }
            const inPlace = isolation === 'in-place';
            // Runs concurrently; problems of the repository are reported first.
            const signing =
              spec.signing === 'off' ? undefined : memoized(signings, repo, () => checkSigning(Git.at(repo)));
            signing?.catch(() => undefined);
            const [known] = await Promise.all([
              memoized(lookUps, `${base.commit} ${repo}`, () => lookUp(Git.at(repo), base.commit, PATHS)),
              inPlace && checkCheckout(deps, repo),
              spec.continues && checkBranch(spec.continues, label),
              workerChecks,
            ]);
            if (!known.commit) throw unknownBase(spec);
            if (!spec.trustRepo)
              await memoized(filters, `${base.commit} ${repo}`, () =>
                requireFilters(Git.at(repo), base.commit),
              );
            const signingNotes = (await signing) ?? [];
            if (!inPlace && known.blockingBranch) throw branchBlocked(repo);
            const size = known.paths.get(SETTINGS_FILE);
            const said =
              size === undefined
                ? {}
                : await memoized(files, `${base.commit} ${repo}`, () =>
                    readRepositorySettings(Git.at(repo), base.commit, size),
                  );
            const settings = openPart(spec, said);
            const model = chooseModel(deps.settings, spec.model, settings.model);
            const defaults = { ...pickOpenSettings(spec, settings), ...sandboxOfWorker(deps.settings) };
            await checkSandboxed({ ...spec, ...defaults }, deps.settings);
            const notes = [
              ...signingNotes,
              ...settingsNote(base.commit, { ...defaults, ...repositoryModel(spec, settings) }),
              ...(spec.continues ? [] : await dependencyNotes({ ...spec, ...defaults }, known)),
              ...withheldNotes(deps, spec),
            ];
            return {
              admitted: true,
              ...(model !== undefined && { model }),
              ...(Object.keys(defaults).length > 0 && { defaults }),
              ...(notes.length > 0 && { notes }),
            };
          } catch (error) {
            return refusal(error, deps.home);
          }
        }),
      );
    },
  } satisfies Pick<HostActivities, 'admit'>;
}

/** The URLs that the worker that takes it must be able to read. */
function readable({ repo, pool, checkout }: ResolvedSpec): string[] {
  if (checkout === undefined) return pool === undefined ? [] : [repo];
  return checkout.url === undefined ? [] : [checkout.url];
}

/** Notes on dependencies that the worktree will lack when there are no set-up commands. */
async function dependencyNotes(
  { repo, base, isolation, setup }: ResolvedSpec,
  { paths }: Known,
): Promise<string[]> {
  if (isolation === 'in-place' || setup.length > 0) return [];
  const include = paths.has(INCLUDE_FILE) ? await fileAt(Git.at(repo), base.commit, INCLUDE_FILE) : undefined;
  return missingDependencies(
    repo,
    (path) => paths.has(path),
    (folder) => include?.includes(folder) ?? false,
  );
}

/** The repository's model, when the spawn names none. */
function repositoryModel(spec: ResolvedSpec, { model }: RepositorySettings): { model?: string } {
  return spec.model === undefined && model !== undefined ? { model } : {};
}

/** Checks that the worker has the variables that the spawn names. @throws SubagentsError NO_VARIABLE */
function checkVariables({ env }: AdmitDependencies, spec: ResolvedSpec): void {
  const missing = env === undefined ? [] : spec.env.filter((name) => env[name] === undefined);
  if (missing.length === 0) return;
  throw new SubagentsError('NO_VARIABLE', `the worker has no variable ${missing.join(', ')}`, {
    remedy:
      'Set it in the environment that the worker starts with and restart the worker, or remove it from `env`.',
  });
}

/** Notes on variables that are withheld from the subagent's shells and commands. */
function withheldNotes({ env = {} }: AdmitDependencies, spec: ResolvedSpec): string[] {
  const { secrets } = withheldFrom(env, spec.env);
  if (secrets.length === 0) return [];
  const more = secrets.length > MAX_NAMED ? ` and ${secrets.length - MAX_NAMED} more` : '';
  return [
    `withheld from its shells and commands: ${secrets.slice(0, MAX_NAMED).join(', ')}${more} ` +
      '(the spawn option `env` passes one to this subagent, SUBAGENTS_ENV of the worker passes it to all)',
  ];
}

/** Checks that the worker can use a model. @throws SubagentsError NO_MODEL */
async function checkModelAccess({ modelAccess }: AdmitDependencies): Promise<void> {
  const { kind, description, remedy } = await modelAccess();
  if (kind === 'none') throw new SubagentsError('NO_MODEL', `the worker has ${description}`, { remedy });
}

/** Checks the free space in the home. @throws SubagentsError DISK_FULL */
function checkSpace({ home, settings: { reserveBytes = 0 } }: AdmitDependencies): void {
  const free = freeBytes(home.root);
  if (free >= reserveBytes) return;
  throw new SubagentsError('DISK_FULL', `only ${megabytes(free)} are free on the disk of ${home.root}`, {
    remedy: `Free some space there: with less than ${megabytes(reserveBytes)} (SUBAGENTS_RESERVE) a worker accepts no subagent.`,
  });
}

async function checkCheckout({ home, runState }: AdmitDependencies, repo: string): Promise<void> {
  await checkCheckoutFree(gitDirs(repo).gitDir, { home: home.root }, runState);
}

function refusal(error: unknown, { workerId, host }: AdmitDependencies['home']): Refusal {
  const worker = workerName(workerId, host);
  if (!(error instanceof SubagentsError))
    return { admitted: false, code: 'INTERNAL', reason: String(error), worker };
  const { code, message, remedy } = error;
  return { admitted: false, code, reason: message, ...(remedy !== undefined && { remedy }), worker };
}

function checkoutBusy(repo: string, label: string): SubagentsError {
  return new SubagentsError(
    'CHECKOUT_BUSY',
    `${repo} is already used in place by subagent ${label} of the same spawn`,
    {
      remedy: 'Spawn them one after the other, or use isolation "worktree".',
    },
  );
}

function unknownBase({ repo, base }: ResolvedSpec): SubagentsError {
  return new SubagentsError('UNKNOWN_BASE', `${repo} has no commit ${base.commit} (${base.name})`, {
    remedy: 'Name a base that exists there; fetch it first if it is remote.',
  });
}

function memoized<T>(asked: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const known = asked.get(key) ?? ask();
  asked.set(key, known);
  return known;
}
