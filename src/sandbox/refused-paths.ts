/**
 * Which paths a sandbox has refused to a command, as its programs report it. The kernel tells nobody outside; but what a
 * program says is checked: only paths count that are there on the machine and not in the sandbox, or that cannot be written.
 */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import type { Denial } from '../contract/index.ts';
import { isWithin } from '../system/real-path.ts';
import { denialsSince } from './denials-since.ts';
import { SANDBOX_PLACE, SYSTEM, type Walls } from './walls.ts';

const READ_ONLY = 'read-only file system';
const REASONS = `${READ_ONLY}|permission denied|operation not permitted|no such file or directory|directory nonexistent`;
/** A path, then the reason: shells, coreutils, git, Go. */
const PATH_FIRST = new RegExp(`(?:'([^'\\n]+)'|‘([^’\\n]+)’|([^\\s'"‘’:()]+)): (${REASONS})`, 'giu');
/** The reason, then a path: Node.js, Python. */
const REASON_FIRST = new RegExp(`\\b(${REASONS})(?:, \\w+|:) '([^'\\n]+)'`, 'giu');
/** Said by the shell that starts a command, of a file that is gone with it. */
const LOST = /^subagents: (\/dev\/shm\/.+) is gone with this command/gmu;

/** Characters of a path in the outcome. */
const MAX_PATH_CHARS = 260;
/** Different paths that are counted for one sandbox. */
const MAX_PATHS = 100;

/** How often each path was refused, by the folder of the sandbox. */
const counted = new Map<string, Map<string, number>>();

/**
 * Counts the paths that a command's output says were refused.
 * @param cwd the folder that the command ran in
 * @returns those paths, each once
 */
export function countRefusedPaths(walls: Walls, cwd: string, output: string): string[] {
  const paths = refusedPaths(walls, cwd, output);
  const { sandbox } = walls.bounds;
  const all = counted.get(sandbox) ?? new Map<string, number>();
  counted.set(sandbox, all);
  for (const path of paths)
    if (all.has(path) || all.size < MAX_PATHS) all.set(path, (all.get(path) ?? 0) + 1);
  return [...new Set(paths)];
}

/** Begins to count the paths that a sandbox refuses; see `denialsSince`. */
export const refusedSince = ({ bounds: { sandbox } }: Walls): (() => Denial[]) =>
  denialsSince(() =>
    [...(counted.get(sandbox) ?? [])].map(([what, count]) => ({ tool: 'files', what, count })),
  );

/** The paths that an output says were refused, as often as it says so. */
export function refusedPaths(walls: Walls, cwd: string, output: string): string[] {
  const said = [
    ...[...output.matchAll(PATH_FIRST)].map(([, a, b, c, reason = '']) => ({
      path: a ?? b ?? c ?? '',
      reason,
    })),
    ...[...output.matchAll(REASON_FIRST)].map(([, reason = '', path = '']) => ({ path, reason })),
  ];
  const lost = [...output.matchAll(LOST)].map(([, path = '']) => path);
  return [
    ...said
      .filter(({ path }) => path !== '')
      .map(({ path, reason }) => ({
        path: normalize(isAbsolute(path) ? path : join(cwd, path)),
        isReadOnly: reason.toLowerCase() === READ_ONLY,
      }))
      .filter(({ path, isReadOnly }) => isRefused(walls, path, isReadOnly))
      .map(({ path }) => path),
    ...lost,
  ].map((path) => path.slice(0, MAX_PATH_CHARS));
}

/** Whether it is the sandbox that refuses a path: nothing can be written there, or it is there outside alone. */
function isRefused({ writable, readable }: Walls, path: string, isReadOnly: boolean): boolean {
  const within = (folders: readonly string[]): boolean => folders.some((folder) => isWithin(folder, path));
  if (within([...writable, SANDBOX_PLACE.home])) return false;
  if (isReadOnly) return true;
  if (within([...readable, ...SYSTEM])) return false;
  const folder = dirname(path);
  return existsSync(path) || (!INSIDE.has(folder) && existsSync(folder));
}

/** Folders that a sandbox has, too, although not with all that is in them. */
const INSIDE = new Set(['/', '/dev', '/etc', '/home', '/proc', '/run', SANDBOX_PLACE.temporary]);
