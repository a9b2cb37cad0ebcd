/** Checks of the machine: Node, git, disk, home. */
import { accessSync, constants, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { execa } from 'execa';
import type { Check, SandboxBounds } from '../contract/index.ts';
import { MINIMUM_GIT_VERSION } from '../git/run.ts';
import { PASSED_SECRETS_VARIABLE, withheldFrom } from '../environment/clean.ts';
import { readSettings } from '../home/settings.ts';
import { ringName } from '../keys/key-ring.ts';
import { keySourceOf, readRing, sourceName } from '../keys/key-source.ts';
import { freeBytes, megabytes } from '../system/disk.ts';
import {
  DOWNLOAD_PACKAGE,
  packagesInstallCommand,
  missingPackages,
  missingText,
  WORKER_PACKAGES,
} from '../system/optional-packages.ts';
import { homeWriteProblem } from '../home/home-writable.ts';
import { amountText } from '../sandbox/bounds/bounds.ts';
import { boundedBy, boundsProblem, networkProblem, sandboxProblem } from '../sandbox/probe.ts';
import { fail, failed, ok, warn } from './check.ts';

const MIN_NODE = '20.19';
const GIB = 2 ** 30;
/** Less free space than this above the reserve is little: Copilot unpacks 235 MB, and each worktree is a checkout. */
const LITTLE_DISK = 1.5 * GIB;

/** Checks the version of Node. */
export function checkNode(version = process.versions.node): Check {
  if (atLeast(version, MIN_NODE)) return ok('Node', `${version}, ${availableParallelism()} cores`);
  return fail(
    'Node',
    `${version} is older than ${MIN_NODE}`,
    'install Node 20.19 or newer: https://nodejs.org',
  );
}

/** Checks the packages that an installation for clients alone omits. Copilot CLI has its own check. */
export function checkPackages(missing = missingPackages([...WORKER_PACKAGES, DOWNLOAD_PACKAGE])): Check {
  if (missing.length === 0) return ok('packages', 'all optional packages are installed');
  const isDownloadAlone = missing.every((name) => name === DOWNLOAD_PACKAGE);
  return isDownloadAlone
    ? warn(
        'packages',
        `${missingText(missing)}: no Temporal server can be downloaded`,
        packagesInstallCommand(),
      )
    : fail('packages', `${missingText(missing)}: no worker can start here`, packagesInstallCommand());
}

/** Checks git, and the author of its commits. */
export async function checkGit(env: NodeJS.ProcessEnv): Promise<Check> {
  const run = async (...args: string[]) =>
    await execa('git', args, { env, extendEnv: false, reject: false, timeout: 5_000 });
  const { stdout, failed } = await run('--version');
  const version = /(\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1];
  if (failed || version === undefined)
    return fail('git', 'not found', 'install git: https://git-scm.com/downloads');
  if (!atLeast(version, MINIMUM_GIT_VERSION)) {
    const detail = `${version} is older than ${MINIMUM_GIT_VERSION}`;
    return fail('git', detail, `install git ${MINIMUM_GIT_VERSION} or newer`);
  }
  const name = (await run('config', 'user.name')).stdout.trim();
  const email = (await run('config', 'user.email')).stdout.trim();
  if (name !== '' && email !== '') return ok('git', `${version}, commits as ${name} <${email}>`);
  return warn(
    'git',
    `${version}, but no user.name and user.email: commits of subagents get a fallback author`,
    'git config --global user.name "…" && git config --global user.email "…"',
  );
}

/** Tries a sandbox: without one, only spawns that ask for a sandbox are refused, unless the worker asks for one each time. */
export async function checkSandbox(env: NodeJS.ProcessEnv): Promise<Check> {
  const required = env['SUBAGENTS_SANDBOX']?.trim() === 'required';
  const found = (await sandboxProblem(env)) ?? boundsProblem();
  if (found !== undefined) return (required ? fail : warn)('sandbox', found.problem, found.remedy);
  const network = (await networkProblem(env)) ? ', without network (socat is not installed)' : '';
  const { memory, processes, disk } = boundsIn(env);
  const each = `${amountText('memory', memory)} of memory, ${processes} processes, ${amountText('disk', disk)} of disk each`;
  return ok('sandbox', `works${required ? ', required' : ''}${network}; ${each}, bounded by ${boundedBy()}`);
}

/** What a sandbox may take; the default if the settings are wrong, which another check reports. */
function boundsIn(env: NodeJS.ProcessEnv): SandboxBounds {
  try {
    return readSettings(env).sandboxBounds;
  } catch {
    return readSettings({}).sandboxBounds;
  }
}

/** Checks that the home folder belongs to this user alone, and is writable. */
export function checkHome(root: string): Check {
  const stat = statSync(root, { throwIfNoEntry: false });
  if (stat === undefined) {
    return isWritable(nearestFolder(root))
      ? ok('home', `${root}, does not exist yet`)
      : fail('home', `${root} cannot be created`, 'name another folder with --home or SUBAGENTS_HOME');
  }
  if (!stat.isDirectory())
    return fail('home', `${root} is not a folder`, 'name a folder with --home or SUBAGENTS_HOME');
  if (stat.uid !== process.getuid?.())
    return fail(
      'home',
      `${root} belongs to another user`,
      'use a home of your own: --home or SUBAGENTS_HOME',
    );
  if (!isWritable(root)) return fail('home', `${root} is not writable`, `chmod u+rwx ${root}`);
  const problem = homeWriteProblem(root);
  if (problem !== undefined) return fail('home', problem.message, problem.remedy ?? 'make it writable again');
  if ((stat.mode & 0o077) !== 0) return warn('home', `${root} is open to other users`, `chmod 700 ${root}`);
  return ok('home', root);
}

/** Checks the free space on the disk of the home. */
export function checkDisk(root: string, env: NodeJS.ProcessEnv): Check {
  const free = freeBytes(root);
  const reserve = reserveIn(env);
  const detail = `${(free / GIB).toFixed(1)} GiB free for ${root}`;
  if (free >= reserve + LITTLE_DISK) return ok('disk', detail);
  const remedy = 'free some space, or name a home on another disk with --home or SUBAGENTS_HOME';
  if (free >= reserve) return warn('disk', detail, remedy);
  return fail('disk', `${detail}: with less than ${megabytes(reserve)} a worker accepts no subagent`, remedy);
}

/**
 * The reserve of a worker with this environment. The default if the settings are wrong, which another check reports.
 */
function reserveIn(env: NodeJS.ProcessEnv): number {
  try {
    return readSettings(env).reserveBytes;
  } catch {
    return readSettings({}).reserveBytes;
  }
}

/** Checks the settings in the environment. */
export function checkSettings(env: NodeJS.ProcessEnv): Check {
  try {
    const { slots, models } = readSettings(env);
    const allowed = models === undefined ? 'any model' : `models ${models.join(', ')}`;
    return ok('settings', `${slots} slots, ${allowed}`);
  } catch (error) {
    return failed('settings', error, 'correct it');
  }
}

/** Reports which variables a worker withholds from shells, and which it passes on although they may be secrets. */
export function checkEnvironment(env: NodeJS.ProcessEnv): Check {
  const { secrets, own, random } = withheldFrom(env);
  const withheld = [...secrets, ...own].join(', ');
  const detail = withheld === '' ? 'nothing is withheld from shells' : `withheld from shells: ${withheld}`;
  if (random.length > 0) {
    return warn(
      'secrets',
      `${detail}; passed to shells although the value looks random: ${random.join(', ')}`,
      'if one of them is a secret, unset it where the worker starts, or rename it to NAME_SECRET',
    );
  }
  const given = env[PASSED_SECRETS_VARIABLE]
    ? ` (${PASSED_SECRETS_VARIABLE} passes on ${env[PASSED_SECRETS_VARIABLE]})`
    : '';
  return ok('secrets', `${detail}${given}`);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function nearestFolder(path: string): string {
  let folder = path;
  while (statSync(folder, { throwIfNoEntry: false }) === undefined) folder = dirname(folder);
  return folder;
}

function atLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = wanted.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

/** Checks the keys for messages on the server of this home, or on the one that `SUBAGENTS_KEYS` is for. */
export async function checkKeys(home: string, env: NodeJS.ProcessEnv): Promise<Check> {
  try {
    const source = keySourceOf(home, env, 'own');
    if (source === undefined) return ok('keys', 'none: messages are not encrypted on the server');
    const ring = await readRing(source);
    const detail = `messages are encrypted with ${ring.current} (ring ${ringName(ring)}, from ${sourceName(source)})`;
    return ring.plain === 'refused'
      ? ok('keys', detail)
      : warn(
          'keys',
          `${detail}; those that are not are read, too`,
          '`subagents keys require`, once no subagent from before the key is open',
        );
  } catch (error) {
    return failed('keys', error, 'see docs/keys.md');
  }
}
