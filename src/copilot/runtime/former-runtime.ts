/**
 * Ends the runtime of an earlier worker on the same home. A runtime ends within 0.1 s of its worker; but one that was
 * suspended at that moment would later continue on Copilot sessions that another runtime drives by then.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../../system/files.ts';
import { isAlive, processStartTime, signalProcess } from '../../system/process.ts';

const CHECK_INTERVAL_MS = 10;
/** Milliseconds after which a runtime that SIGKILL has not ended is left alone. */
const GIVE_UP_MS = 5_000;

const identity = z.object({ pid: z.number(), startTime: z.string() });
const recordPath = (copilotHome: string): string => join(copilotHome, 'worker-runtime.json');

/** Records the process of the runtime. Best effort: a full disk is ignored. */
export function recordRuntime(copilotHome: string, pid: number): void {
  const startTime = processStartTime(pid);
  if (startTime === undefined) return;
  const text = JSON.stringify({ pid, startTime } satisfies z.infer<typeof identity>);
  try {
    writePrivateFile(recordPath(copilotHome), text);
  } catch {
    // Only the clean-up of a suspended runtime is lost.
  }
}

/** Kills the recorded runtime and waits until it is gone. Only for the holder of the home's lock. */
export async function killFormerRuntime(copilotHome: string): Promise<void> {
  const former = read(copilotHome);
  if (former === undefined || !signalProcess(former, 'SIGKILL')) return;
  for (const until = Date.now() + GIVE_UP_MS; isAlive(former.pid, former.startTime) && Date.now() < until;)
    await delay(CHECK_INTERVAL_MS);
}

function read(copilotHome: string): z.infer<typeof identity> | undefined {
  try {
    return identity.parse(JSON.parse(readIfThere(recordPath(copilotHome)) ?? ''));
  } catch {
    return undefined; // none, or no record of ours
  }
}
