/** The sandboxes of a home: a folder for each run that has one, and the walls around it. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SubagentsError, type SandboxBounds, type SubagentRef } from '../contract/index.ts';
import { objectFolders } from '../git/worktrees/private-repository.ts';
import { shellFiles } from '../sandbox/launcher.ts';
import { putWallsAround, takeWallsFrom, wallsAround } from '../sandbox/place.ts';
import type { Walls } from '../sandbox/walls.ts';
import { ensurePrivateDir } from '../system/files.ts';
import type { Settings } from './settings.ts';
import { cachesFor } from './sandbox-caches.ts';
import { runFolder } from './workspace-record.ts';

interface SandboxHome {
  readonly root: string;
  readonly paths: {
    readonly copilot: string;
    readonly sandboxes: string;
    readonly caches: string;
    readonly running: string;
  };
}

/** The folders of one sandbox; absolute real paths. */
interface SandboxFolders {
  readonly repository: string;
  readonly temporary: string;
  readonly home: string;
  /** The socket to its proxy. */
  readonly network: string;
  /** Temporary files of git calls of the worker, and their global configuration. */
  readonly scratch: string;
  readonly gitConfig: string;
}

/** Returns the folders of a run's sandbox, whether they exist or not. */
export function sandboxFolders({ paths }: SandboxHome, subagent: SubagentRef): SandboxFolders {
  ensurePrivateDir(paths.sandboxes);
  return sandboxOf(join(realpathSync(paths.sandboxes), runFolder(subagent), 'repository'));
}

/**
 * Puts the walls around the worktree of a run, around the fresh checkout that its verification may make, and around its
 * private repository.
 * @param caller the caller's repository, whose objects are read
 * @param may further folders that the worker lets sandboxed subagents read, what this one reaches over the network, and what
 * it may take of the machine
 * @throws SubagentsError DISK_FULL, FILE_ACCESS
 */
export function closeSandbox(
  home: SandboxHome,
  subagent: SubagentRef,
  place: { readonly cwd: string; readonly caller: string; readonly repository: string },
  {
    read,
    caches = 'off',
    network = 'none',
    bounds,
  }: {
    readonly read: readonly string[];
    readonly caches?: Settings['sandboxCaches'] | undefined;
    readonly network?: string | undefined;
    readonly bounds: SandboxBounds;
  },
): void {
  const { temporary, home: inner, network: socket, scratch, gitConfig } = sandboxOf(place.repository);
  for (const folder of [temporary, inner, socket, scratch, home.paths.running]) ensurePrivateDir(folder);
  const cached = cachesFor(home.paths.caches, place.caller, caches);
  const inside = [place.cwd, freshOf(place.cwd), place.repository];
  const walls: Walls = {
    writable: inside,
    readable: [
      ...objectFolders(place.caller),
      ...shellFiles(home.paths.copilot, subagent.copilotSessionId),
      ...['gitconfig', 'unattended'].map((name) => join(home.root, name)),
      ...read,
    ],
    temporary,
    ofWorker: { scratch, gitConfig },
    home: inner,
    ...(cached !== undefined && { caches: cached }),
    ...(network !== 'none' && { network: { hosts: network, folder: socket } }),
    bounds: {
      ...bounds,
      running: realpathSync(home.paths.running),
      sandbox: dirname(place.repository),
      folders: [...inside, temporary, inner, ...(cached === undefined ? [] : [cached])],
    },
  };
  for (const folder of walled(place.cwd, place.repository)) putWallsAround(folder, walls);
}

/** Takes the walls away before the worktree is made anew, by us alone. */
export function openSandbox(cwd: string, repository: string): void {
  for (const folder of walled(cwd, repository)) takeWallsFrom(folder);
}

/** The folders with walls: also all that a sandbox has beside its worktree, which paths in its repository can name. */
const walled = (cwd: string, repository: string): string[] => [cwd, freshOf(cwd), dirname(repository)];

/** The folders of the sandbox that has the private repository `repository`. */
export const sandboxOf = (repository: string): SandboxFolders => ({
  repository,
  temporary: join(repository, '..', 'tmp'),
  home: join(repository, '..', 'home'),
  network: join(repository, '..', 'network'),
  scratch: join(repository, '..', 'scratch'),
  gitConfig: join(repository, '..', 'gitconfig'),
});

/** The fresh checkout that verification may make beside the worktree `cwd`. */
export const freshOf = (cwd: string): string => `${cwd}.fresh`;

/**
 * Returns the walls around the workspace `cwd`, if there are any.
 * @param sandboxed whether there must be walls
 * @throws SubagentsError NO_SANDBOX
 */
export const wallsOf = (cwd: string, sandboxed: boolean): Walls | undefined =>
  sandboxed ? requireWalls(cwd) : wallsAround(cwd);

/**
 * Returns the walls around the workspace `cwd` of a sandboxed subagent.
 * @throws SubagentsError NO_SANDBOX when there are none: nothing may run there
 */
export function requireWalls(cwd: string): Walls {
  const walls = wallsAround(cwd);
  if (walls !== undefined) return walls;
  throw new SubagentsError('NO_SANDBOX', `the walls around ${cwd} are gone: nothing runs there`, {
    remedy: 'Save what you need of the folder, and spawn the subagent again.',
  });
}
