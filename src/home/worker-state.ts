/**
 * The file in a home by which its worker shows to other processes that it lives: what it is, and by the time of the last
 * change of the file that it still answers.
 */
import { rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../system/files.ts';

const workerState = z.object({
  workerId: z.string(),
  pid: z.number().int().positive(),
  startTime: z.string(),
  space: z.string().describe('where the pid is valid: see `processSpace`'),
  startedAt: z.string(),
  state: z.enum(['starting', 'running', 'draining', 'stopping']),
  log: z.string().optional().describe('the file that it logs to'),
  serverSilentSince: z.string().optional().describe('ISO 8601; absent while the server answers'),
});
/** What a worker says in the file. Times in ISO 8601, `startTime` as in `ProcessIdentity`. */
export type WorkerState = z.infer<typeof workerState>;

/** The path of the file. */
export const workerStatePath = (root: string): string => join(root, 'worker.json');

/** Writes the file. @throws SubagentsError DISK_FULL, FILE_ACCESS */
export function writeWorkerState(root: string, state: WorkerState): void {
  writePrivateFile(workerStatePath(root), `${JSON.stringify(state, undefined, 2)}\n`);
}

/** Marks that the worker still answers. Works on a full disk, too. @returns whether the file is there */
export function touchWorkerState(root: string): boolean {
  const now = new Date();
  try {
    utimesSync(workerStatePath(root), now, now);
    return true;
  } catch {
    return false;
  }
}

/** What the worker of the home `root` said last, and when it answered last (epoch milliseconds). */
export function readWorkerState(root: string): (WorkerState & { readonly at: number }) | undefined {
  try {
    const state = workerState.parse(JSON.parse(readIfThere(workerStatePath(root)) ?? ''));
    return { ...state, at: statSync(workerStatePath(root)).mtimeMs };
  } catch {
    return undefined;
  }
}

/** Removes the file of a worker that has ended in order. */
export const removeWorkerState = (root: string): void => {
  try {
    rmSync(workerStatePath(root), { force: true });
  } catch {
    // The file system has become read-only. The file of an ended process says that it has ended.
  }
};
