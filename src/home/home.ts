/** A worker's home directory: the worker's identity, and the location of its files. */
import { randomInt } from 'node:crypto';
import { existsSync, realpathSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SubagentsError } from '../contract/errors.ts';
import { hostQueue } from '../contract/protocol/names.ts';
import { CONTRACT_VERSION, WORKER_ID } from '../contract/protocol/version.ts';
import { createPrivateFile, ensurePrivateDir, readIfThere } from '../system/files.ts';
import { homeRoot, type Env } from '../system/home-root.ts';
import { upFilePath } from '../temporal/up-file.ts';
import { hostName, machineFingerprint, userName } from './machine.ts';
import { workerStatePath } from './worker-state.ts';

/** The folders of a home; absolute paths. */
export interface HomePaths {
  /** COPILOT_HOME of the worker's Copilot runtime. */
  readonly copilot: string;
  readonly worktrees: string;
  /** Records of the runs of subagents. */
  readonly runs: string;
  /** Clones of repositories named by URL. */
  readonly repositories: string;
  /** What sandboxed subagents have beside their worktrees: repository, temporary folder, home directory. */
  readonly sandboxes: string;
  /** Package caches of sandboxes: a folder for each repository. */
  readonly caches: string;
  /** Programs of sandboxes that run now: one file for each. */
  readonly running: string;
  /** Leases: one file for each running activity. */
  readonly leases: string;
  /** Complete outputs of commands; workflow histories have only the end of each. */
  readonly outputs: string;
  readonly logs: string;
  /** Data of the embedded Temporal server. */
  readonly temporal: string;
  /** The file that describes what `up` runs here. */
  readonly up: string;
  /** The file that describes the worker that runs here. */
  readonly worker: string;
  /** A folder for each role, with the entries of its lock. */
  readonly lock: string;
}

/** A home as clients see it; it need not exist. */
export interface HomeView {
  readonly root: string;
  /** Stable for the life of the home, even when the host's name changes. */
  readonly host: string;
  readonly user: string;
  /** The queue where subagents that need this host's checkouts wait for a worker. */
  readonly hostQueue: string;
  /** Undefined when the home has never had a worker. */
  readonly workerId: string | undefined;
  readonly paths: HomePaths;
}

/** A home that is opened by a worker. */
export interface Home extends HomeView {
  /** `w-` and 8 characters; its queues are named after it. */
  readonly workerId: string;
  /** Notices for the user, for example that the home came from another machine. */
  readonly notices: readonly string[];
}

const identity = z.object({
  workerId: z.string().regex(WORKER_ID),
  created: z.string(),
  host: z.string().min(1),
  machine: z.string(),
  /** Real path of the home that the identity belongs to. */
  root: z.string(),
  contract: z
    .number()
    .int()
    .optional()
    .describe('the `CONTRACT_VERSION` of its data; absent: an unknown one'),
});
type Identity = z.infer<typeof identity>;

/** The folders that a home has once it is opened. */
const FOLDERS = [
  ...['copilot', 'worktrees', 'runs', 'repositories', 'sandboxes', 'caches', 'running'],
  ...['leases', 'outputs', 'logs', 'temporal', 'lock'],
] as const satisfies readonly (keyof HomePaths)[];

/**
 * Opens the home `root` (default: `SUBAGENTS_HOME`, otherwise `~/.subagents`) and creates what is missing: folders
 * with mode 0700, and an identity on first use. A copied home gets a new identity and the old one is set aside,
 * because two workers with one identity would take each other's work. A home that was moved on its machine keeps
 * its identity.
 * @throws SubagentsError DISK_FULL, INTERNAL (not writable, identity unreadable), OTHER_CONTRACT (changes nothing)
 */
export async function openHome(root = homeRoot(), env: Env = process.env): Promise<Home> {
  const paths = pathsOf(root);
  ensurePrivateDir(root);
  assertOurContract(root);
  for (const name of FOLDERS) ensurePrivateDir(paths[name]);

  const notices: string[] = [];
  const found = readIdentity(root);
  if (found && isCopy(found, root, env)) {
    renameSync(identityPath(root), join(root, `identity.${found.workerId}.json`));
    notices.push(
      `${root} is a copy of the home of worker ${found.workerId} on ${found.host}: this worker starts with a new identity. ` +
        'The running subagents of the other worker stay with that worker.',
    );
  }
  createPrivateFile(identityPath(root), `${JSON.stringify(newIdentity(root, env), null, 2)}\n`);
  const known = readIdentity(root);
  if (!known)
    throw new SubagentsError('INTERNAL', `${identityPath(root)} disappeared while ${root} was being opened`);
  return { ...viewOf(root, known), workerId: known.workerId, notices };
}

/**
 * Reads the home `root` without creating anything.
 * @throws SubagentsError INTERNAL when its identity is unreadable
 */
export async function readHome(root = homeRoot(), env: Env = process.env): Promise<HomeView> {
  const known = readIdentity(root);
  const ours = known && !isCopy(known, root, env);
  return viewOf(root, ours ? known : { host: hostName(env), workerId: undefined });
}

/** Whether the folder `root` is the home of this worker, or a copy of it. */
export function isHomeOf(root: string, workerId: string): boolean {
  try {
    return readIdentity(root)?.workerId === workerId || existsSync(join(root, `identity.${workerId}.json`));
  } catch {
    return false;
  }
}

function viewOf(
  root: string,
  known: { readonly host: string; readonly workerId: string | undefined },
): HomeView {
  const user = userName();
  const { host, workerId } = known;
  return { root, host, user, hostQueue: hostQueue(host, user), workerId, paths: pathsOf(root) };
}

function pathsOf(root: string): HomePaths {
  return {
    copilot: join(root, 'copilot'),
    worktrees: join(root, 'worktrees'),
    runs: join(root, 'runs'),
    repositories: join(root, 'repositories'),
    sandboxes: join(root, 'sandboxes'),
    caches: join(root, 'caches'),
    running: join(root, 'running'),
    leases: join(root, 'leases'),
    outputs: join(root, 'outputs'),
    logs: join(root, 'logs'),
    temporal: join(root, 'temporal'),
    up: upFilePath(root),
    worker: workerStatePath(root),
    lock: join(root, 'lock'),
  };
}

/** The log of a worker, unless another file is named. */
export const workerLog = ({ logs }: Pick<HomePaths, 'logs'>): string => join(logs, 'worker.log');

const identityPath = (root: string): string => join(root, 'identity.json');

function readIdentity(root: string): Identity | undefined {
  const path = identityPath(root);
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return identity.parse(JSON.parse(text));
  } catch (error) {
    throw new SubagentsError('INTERNAL', `the file of the worker's identity, ${path}, cannot be read`, {
      remedy: `remove ${path} to start as a new worker; the running subagents of the old worker are then lost`,
      cause: error,
    });
  }
}

/**
 * Checks the contract version of the home's data: runs in progress there can be continued only with the same
 * version.
 */
function assertOurContract(root: string): void {
  const found = readIdentity(root);
  if (found === undefined || found.contract === CONTRACT_VERSION) return;
  throw new SubagentsError(
    'OTHER_CONTRACT',
    `the home ${root} was made by another version of durable-subagents (contract ${found.contract ?? 'unknown'}, this program has ${CONTRACT_VERSION}); nothing in it was changed`,
    { remedy: 'use that version, or start with a new home: SUBAGENTS_HOME=<new folder>' },
  );
}

/**
 * Whether the identity belongs to another home: one on another machine, or one on this machine that still has it.
 */
function isCopy(found: Identity, root: string, env: Env): boolean {
  if (found.machine !== machineFingerprint(env)) return true;
  return found.root !== realpathSync(root) && readIdentity(found.root)?.workerId === found.workerId;
}

function newIdentity(root: string, env: Env): Identity {
  return {
    workerId: newWorkerId(),
    created: new Date().toISOString(),
    host: hostName(env),
    machine: machineFingerprint(env),
    root: realpathSync(root),
    contract: CONTRACT_VERSION,
  };
}

/** Base 32 (RFC 4648, lower case): valid in queue names, and unambiguous when read aloud. */
function newWorkerId(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return `w-${Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]).join('')}`;
}
