/**
 * A lease on disk for each activity that runs here: a restarted worker uses the leases to settle the activities of
 * the dead one.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../system/files.ts';

const lease = z.object({
  /** Unique among the activities that run at once. */
  id: z.string().min(1),
  /** The task token in Base 64, with which any process can complete this attempt. */
  taskToken: z.string(),
  activityType: z.string(),
  workflowId: z.string(),
  runId: z.string(),
  activityId: z.string(),
  attempt: z.number().int(),
  /** The Copilot session whose processes may be left; absent for activities that serve no subagent. */
  copilotSessionId: z.string().optional(),
  /** ISO 8601. */
  startedAt: z.string(),
});
/** One attempt of one activity. */
export type Lease = z.infer<typeof lease>;

const SUFFIX = '.json';
const pathOf = (dir: string, id: string): string => join(dir, `${encodeURIComponent(id)}${SUFFIX}`);

/**
 * Writes a lease into the folder `dir`. Takes about 0.1 ms; runs before every activity.
 * @throws SubagentsError DISK_FULL, INTERNAL
 */
export function writeLease(dir: string, content: Lease): void {
  writePrivateFile(pathOf(dir, content.id), JSON.stringify(content));
}

/** Removes a lease; a missing lease is no error. */
export function removeLease(dir: string, id: string): void {
  rmSync(pathOf(dir, id), { force: true });
}

/**
 * Returns the leases in the folder `dir`. An invalid file is renamed with the ending `.corrupt` and reported, so
 * that it cannot keep a worker from starting. Drafts are removed: only one worker uses the folder and it writes
 * synchronously, so they belong to a dead worker.
 */
export function readLeases(dir: string, onCorrupt: (line: string) => void = () => undefined): Lease[] {
  const names = readdirSync(dir);
  const isDraft = (name: string): boolean => name.startsWith('.') && !name.endsWith(SUFFIX);
  for (const name of names.filter(isDraft)) rmSync(join(dir, name), { force: true });
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .flatMap((name) => {
      const path = join(dir, name);
      try {
        return lease.parse(JSON.parse(readIfThere(path) ?? ''));
      } catch {
        renameSync(path, `${path}.corrupt`);
        onCorrupt(
          `the lease ${path} cannot be read and was set aside: its activity ends by its heartbeat timeout`,
        );
        return [];
      }
    });
}
