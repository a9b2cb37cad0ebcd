/**
 * The walls around a folder: a file beside it, which a sandboxed program cannot reach. Whatever we start in such a folder
 * is started behind them, whoever starts it.
 */
import { existsSync, lstatSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { readIfThere, writePrivateFile } from '../system/files.ts';
import { wallsSchema, type Walls } from './walls.ts';

const wallsPath = (folder: string): string => `${folder}.walls`;

/** Puts walls around `folder`. @throws SubagentsError DISK_FULL, FILE_ACCESS */
export function putWallsAround(folder: string, walls: Walls): void {
  writePrivateFile(wallsPath(folder), `${JSON.stringify(walls, undefined, 2)}\n`);
}

/** Takes the walls around `folder` away, for example to make what is in it anew. */
export function takeWallsFrom(folder: string): void {
  rmSync(wallsPath(folder), { force: true });
}

/**
 * Returns the walls around `path`: its own, or those of the outermost folder above it that has some, since a sandboxed
 * program can write a file of that name beside a folder of its own. A file of another account is none of ours.
 * @throws SubagentsError INTERNAL when they are unreadable: nothing may run there
 */
export function wallsAround(path: string): Walls | undefined {
  let outermost: string | undefined;
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder))
    if (isOwnFile(wallsPath(folder))) outermost = folder;
  return outermost === undefined ? undefined : readWalls(outermost);
}

function isOwnFile(path: string): boolean {
  if (!existsSync(path)) return false;
  const stat = lstatSync(path);
  return stat.isFile() && stat.uid === process.geteuid?.();
}

function readWalls(folder: string): Walls {
  try {
    return wallsSchema.parse(JSON.parse(readIfThere(wallsPath(folder)) ?? ''));
  } catch (error) {
    throw new SubagentsError('INTERNAL', `${wallsPath(folder)} is unreadable: nothing runs in ${folder}`, {
      remedy: 'Save what you need of the folder, then remove both.',
      cause: error,
    });
  }
}
