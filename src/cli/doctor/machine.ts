/** Checks of the machine: Node, git, disk, home. */
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { MINIMUM_GIT_VERSION } from '../../git/run.ts';
import { readSettings } from '../../home/settings.ts';
import { failureOf } from '../failure.ts';
import { fail, ok, warn, type Check } from './check.ts';

const MIN_NODE = '20.19';
const GIB = 2 ** 30;
/** A Copilot runtime unpacks 235 MB at its first start, and each worktree is a checkout more. */
const LITTLE_DISK = 2 * GIB;
const NO_DISK = GIB / 2;

/** The Node that runs this. */
export function checkNode(version = process.versions.node): Check {
  if (atLeast(version, MIN_NODE)) return ok('Node', `${version}, ${availableParallelism()} cores`);
  return fail(
    'Node',
    `${version} is older than ${MIN_NODE}`,
    'install Node 20.19 or newer: https://nodejs.org',
  );
}

/** git, and who its commits are from. */
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
    `${version}, but no user.name and user.email: commits of subagents carry a stand-in`,
    'git config --global user.name "…" && git config --global user.email "…"',
  );
}

/** The home folder: ours alone, and writable. */
export function checkHome(root: string): Check {
  const stat = statSync(root, { throwIfNoEntry: false });
  if (stat === undefined) {
    return isWritable(nearestFolder(root))
      ? ok('home', `${root}, not made yet`)
      : fail('home', `${root} cannot be made`, 'name another folder with --home or SUBAGENTS_HOME');
  }
  if (!stat.isDirectory())
    return fail('home', `${root} is not a folder`, 'name a folder with --home or SUBAGENTS_HOME');
  if (stat.uid !== process.getuid?.())
    return fail('home', `${root} is another user’s`, 'use a home of your own: --home or SUBAGENTS_HOME');
  if (!isWritable(root)) return fail('home', `${root} is not writable`, `chmod u+rwx ${root}`);
  if ((stat.mode & 0o077) !== 0) return warn('home', `${root} is open to other users`, `chmod 700 ${root}`);
  return ok('home', root);
}

/** Room on the disk that holds the home. */
export function checkDisk(root: string): Check {
  const { bavail, bsize } = statfsSync(nearestFolder(root));
  const free = bavail * bsize;
  const detail = `${(free / GIB).toFixed(1)} GiB free for ${root}`;
  if (free >= LITTLE_DISK) return ok('disk', detail);
  const remedy = 'free some space, or name a home on another disk with --home or SUBAGENTS_HOME';
  return free >= NO_DISK ? warn('disk', detail, remedy) : fail('disk', detail, remedy);
}

/** The settings in the environment. */
export function checkSettings(env: NodeJS.ProcessEnv): Check {
  try {
    const { room, models } = readSettings(env);
    const allowed = models === undefined ? 'any model' : `models ${models.join(', ')}`;
    return ok('settings', `room for ${room} at once, ${allowed}`);
  } catch (error) {
    const { message, remedy } = failureOf(error);
    return fail('settings', message, remedy ?? 'correct it');
  }
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
