/** The record of what runs in a home, written by its `up` for commands that look for a server. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../system/files.ts';
import { isAlive } from '../system/process.ts';

const upFile = z.object({
  pid: z.number().int().positive(),
  startTime: z.string(),
  address: z.string(),
  namespace: z.string(),
  uiUrl: z.string(),
  startedAt: z.string(),
  workerPid: z.number().int().positive().optional(),
  /** Identity of the server: a different one at the address does not belong to this home. */
  server: z.object({ namespaceId: z.string(), homeId: z.string().optional() }).optional(),
});
/**
 * The `up` of a home: its process, its server and its worker. Times in ISO 8601, `startTime` as in `ProcessIdentity`.
 */
export type UpFile = z.infer<typeof upFile>;

/** Path of the record. */
export const upFilePath = (root: string): string => join(root, 'up.json');

/** Records what runs in the home `root`. @throws SubagentsError DISK_FULL, INTERNAL */
export function writeUpFile(root: string, up: UpFile): void {
  writePrivateFile(upFilePath(root), `${JSON.stringify(up, null, 2)}\n`);
}

/** The `up` that runs in the home `root`; undefined if there is none, or if it died without removing its record. */
export function readUpFile(root: string): UpFile | undefined {
  const text = readIfThere(upFilePath(root));
  if (text === undefined) return undefined;
  const parsed = upFile.safeParse(parseJson(text));
  return parsed.success && isAlive(parsed.data.pid, parsed.data.startTime) ? parsed.data : undefined;
}

/** Removes the record, unless another `up` has replaced it. */
export function removeUpFile(root: string, pid: number): void {
  const up = readUpFile(root);
  if (up === undefined || up.pid === pid) rmSync(upFilePath(root), { force: true });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
