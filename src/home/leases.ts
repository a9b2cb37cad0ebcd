/** A lease for each activity that runs here, on disk: what a worker that starts again settles for the one that died. */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../system/files.ts';

const lease = z.object({
  /** Unique among the activities that run at once. */
  id: z.string().min(1),
  /** Base 64: completes this very attempt, from any process. */
  taskToken: z.string(),
  activityType: z.string(),
  workflowId: z.string(),
  runId: z.string(),
  activityId: z.string(),
  attempt: z.number().int(),
  /** Whose processes may be left; absent for activities that work for no subagent. */
  copilotSessionId: z.string().optional(),
  /** ISO 8601. */
  startedAt: z.string(),
});
/** One attempt of one activity. */
export type Lease = z.infer<typeof lease>;

const SUFFIX = '.json';
const pathOf = (dir: string, id: string): string => join(dir, `${encodeURIComponent(id)}${SUFFIX}`);

/**
 * Writes a lease into the folder `dir`, in about 0.1 ms: it precedes every activity.
 * @throws SubagentsError DISK_FULL, INTERNAL
 */
export function writeLease(dir: string, content: Lease): void {
  writePrivateFile(pathOf(dir, content.id), JSON.stringify(content));
}

/** Removes a lease; one that is not there is no error. */
export function removeLease(dir: string, id: string): void {
  rmSync(pathOf(dir, id), { force: true });
}

/**
 * The leases in the folder `dir`. A file that is none is set aside with the ending `.corrupt`, and reported: it never
 * keeps a worker from starting. Drafts are removed: one worker has the folder and writes without pause, so they are of a dead one.
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
          `the lease ${path} is unreadable and was set aside: its activity waits for its heartbeat timeout`,
        );
        return [];
      }
    });
}
