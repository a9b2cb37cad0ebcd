/**
 * What a sandboxed subagent may reach, written once: shells of Copilot CLI, set-up, verification and our own git calls in
 * its workspace are all started with the arguments of `bwrapArguments`.
 */
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { z } from 'zod';
import { BRIDGE_SCRIPT, INNER_FOLDER, PROXY_VARIABLES } from './network/bridge.ts';
import { isWithin } from '../system/real-path.ts';
import { boundsSchema } from './bounds/bounds.ts';
import { CACHE_VARIABLES, INNER_CACHES } from './caches.ts';
import { innerCommand, outerCommand } from './bounds/start.ts';

/** Absolute paths of this machine. Everything that is not named is absent inside, except programs and libraries. */
export const wallsSchema = z.strictObject({
  /** Folders that may be changed. */
  writable: z.array(z.string()),
  /** Files and folders that may be read. */
  readable: z.array(z.string()),
  /** The folder that is `/tmp` inside. */
  temporary: z.string(),
  /**
   * What git calls of the worker have there, and programs of the subagent do not see: a folder for temporary files, and the
   * global configuration of git, since what the one in the home directory names would run. Default: nothing.
   */
  ofWorker: z.strictObject({ scratch: z.string(), gitConfig: z.string() }).optional(),
  /** The folder that is the home directory inside. */
  home: z.string(),
  /** What it may reach over the network (`parseNetwork`), and the folder of the socket to its proxy. Default: nothing. */
  network: z.strictObject({ hosts: z.string(), folder: z.string() }).optional(),
  /** The folder of its package caches. Default: it has none. */
  caches: z.string().optional(),
  /** What its programs may take of the machine. */
  bounds: boundsSchema,
});
/** What one sandbox may reach. */
export type Walls = z.infer<typeof wallsSchema>;

/** The home directory as a sandboxed program sees it. */
const INNER_HOME = '/home/subagent';
/** The folders of home and of temporary files as a sandboxed program sees them. */
export const SANDBOX_PLACE = { home: INNER_HOME, temporary: '/tmp' } as const;
/** A folder that exists in our sandboxes alone: a shell that does not see it is not behind these walls. */
export const WALLS_MARK = '/run/subagents-sandbox';

/** Programs and libraries of the system. */
export const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
const SYSTEM_PATH = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
/** What programs need of /etc. The rest has secrets (shadow, ssh, sudoers, keys), which root inside could read. */
const ETC = [
  ...['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'passwd', 'group', 'nsswitch.conf'],
  ...['hosts', 'host.conf', 'protocols', 'services', 'localtime', 'timezone', 'locale.alias', 'os-release'],
  ...['ssl/certs', 'ssl/openssl.cnf', 'ca-certificates', 'ca-certificates.conf', 'pki/tls/certs'],
  ...['pki/ca-trust', 'crypto-policies', 'profile', 'bash.bashrc', 'inputrc', 'terminfo', 'mime.types'],
  ...['magic', 'fonts', 'java-17-openjdk', 'java-21-openjdk', 'maven', 'python3', 'perl'],
].map((name) => `/etc/${name}`);
/** Bytes that `/dev/shm` may take of the machine's memory. */
const SHARED_MEMORY_BYTES = 64 * 1024 * 1024;

/**
 * The arguments of bwrap for `walls`. No capability is left and no user namespace can be made inside: where the worker is
 * root, its own sandbox could otherwise be mounted writable again from within.
 */
export function bwrapArguments(walls: Walls): string[] {
  const { writable, temporary, home } = walls;
  return [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts'],
    ...['--unshare-cgroup-try', '--disable-userns', '--cap-drop', 'ALL', '--die-with-parent'],
    ...readOnly([...SYSTEM, ...ETC]),
    // Settings of the kernel belong to root, which needs no capability to write them.
    ...['--proc', '/proc', '--remount-ro', '/proc', '--dev', '/dev'],
    ...['--size', String(SHARED_MEMORY_BYTES), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...['--dir', WALLS_MARK, '--bind', temporary, '/tmp', '--bind', home, INNER_HOME],
    ...readOnly([...ownNode(), ...walls.readable]),
    ...writable.flatMap((path) => ['--bind-try', path, path]),
    ...(walls.network === undefined ? [] : ['--ro-bind', walls.network.folder, INNER_FOLDER]),
    ...(walls.caches === undefined ? [] : ['--bind', walls.caches, INNER_CACHES]),
    ...OUTER_VARIABLES.flatMap((name) => ['--unsetenv', name]),
    ...Object.entries(innerVariables(walls)).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--remount-ro', '/'],
  ];
}

/** Variables that lead to what is outside. */
const OUTER_VARIABLES = [
  ...[
    'XDG_RUNTIME_DIR',
    'SSH_AUTH_SOCK',
    'GPG_AGENT_INFO',
    'DBUS_SESSION_BUS_ADDRESS',
    'DOCKER_HOST',
    'TMUX',
  ],
];

/** Variables of every program inside: where it finds its folders, the proxy and the caches. */
const innerVariables = ({ network, caches }: Walls): Record<string, string> => ({
  ...{ HOME: INNER_HOME, TMPDIR: '/tmp', PATH: innerPath() },
  ...(network !== undefined && PROXY_VARIABLES),
  ...(caches !== undefined && CACHE_VARIABLES),
});

/** Returns the environment that a program with `env` has inside. */
export const innerEnvironment = (walls: Walls, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(env).filter(([name]) => !OUTER_VARIABLES.includes(name))),
  ...innerVariables(walls),
});

/** Returns `program`, started with the network of `walls`, if there is one. */
export const withNetwork = <Program extends { readonly file: string; readonly args: readonly string[] }>(
  walls: Walls,
  program: Program,
): Program =>
  walls.network === undefined
    ? program
    : { ...program, file: 'sh', args: ['-c', BRIDGE_SCRIPT, 'sh', program.file, ...program.args] };

/** How a program is started behind walls, and within their bounds. */
export interface WalledProgram {
  readonly file: string;
  readonly args: string[];
}

/**
 * Returns how to run a program behind `walls`.
 * @param also further folders that the program may change, such as one for its results
 */
export function behindWalls(
  walls: Walls,
  program: { readonly file: string; readonly args: readonly string[]; readonly cwd: string },
  also: readonly string[] = [],
): WalledProgram {
  const options = bwrapArguments({ ...walls, writable: [...walls.writable, ...also] });
  const [file = '', ...args] = [
    ...outerCommand(walls.bounds),
    ...['bwrap', ...options, '--chdir', program.cwd, '--'],
    ...[...innerCommand(walls.bounds), program.file, ...program.args],
  ];
  return { file, args };
}

const readOnly = (paths: readonly string[]): string[] =>
  paths.flatMap((path) => ['--ro-bind-try', path, path]);

/** The worker's PATH, and the system's folders: those of a worker may be absent inside. */
const innerPath = (path = process.env['PATH'] ?? ''): string =>
  [...new Set([...path.split(delimiter), ...SYSTEM_PATH])].filter((folder) => folder !== '').join(delimiter);

/** The installation of the Node that runs this process, where it is apart from the system's programs. */
function ownNode(executable = process.execPath): string[] {
  const prefix = dirname(dirname(executable));
  const apart = !SYSTEM.some((folder) => isWithin(folder, prefix));
  const own = basename(dirname(executable)) === 'bin' && existsSync(join(prefix, 'lib', 'node_modules'));
  return apart && own && !isWithin(prefix, homedir()) && statSync(prefix).isDirectory() ? [prefix] : [];
}
