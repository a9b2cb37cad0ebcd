/**
 * The runtime that a worker before this one had on the same home. It ends when its worker does, within a tenth of a
 * second; one that stood still at that moment would go on later, on Copilot sessions that another runtime drives by then.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../../system/files.ts';
import { isAlive, processStartTime, signalProcess } from '../../system/process.ts';

const LOOK_MS = 10;
/** What SIGKILL does not end within this is left alone, in milliseconds. */
const GIVE_UP_MS = 5_000;

const identity = z.object({ pid: z.number(), startTime: z.string() });
const recordPath = (copilotHome: string): string => join(copilotHome, 'worker-runtime.json');

/** Notes which process the runtime is, where there is room on the disk: it works without. */
export function noteRuntime(copilotHome: string, pid: number): void {
  const startTime = processStartTime(pid);
  if (startTime === undefined) return;
  const text = JSON.stringify({ pid, startTime } satisfies z.infer<typeof identity>);
  try {
    writePrivateFile(recordPath(copilotHome), text);
  } catch {
    // As if this one could not stand still.
  }
}

/** Ends the runtime that was noted last, and settles when it is gone. Only for who holds the lock of the home. */
export async function endFormerRuntime(copilotHome: string): Promise<void> {
  const former = read(copilotHome);
  if (former === undefined || !signalProcess(former, 'SIGKILL')) return;
  for (const until = Date.now() + GIVE_UP_MS; isAlive(former.pid, former.startTime) && Date.now() < until;)
    await delay(LOOK_MS);
}

function read(copilotHome: string): z.infer<typeof identity> | undefined {
  try {
    return identity.parse(JSON.parse(readIfThere(recordPath(copilotHome)) ?? ''));
  } catch {
    return undefined; // none, or no record of ours
  }
}
