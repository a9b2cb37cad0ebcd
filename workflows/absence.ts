/** A subagent that waits for its worker: where that is away its main agent is told, once for each absence, and when it is back. */
import { CancellationScope, patched, sleep } from '@temporalio/workflow';
import { anyWorker } from './activity-calls.ts';

/** How long a worker may take before it is looked for. The looks get rarer: a worker may also only be full. */
const FIRST_LOOK_MS = 30_000;
const MAX_BETWEEN_MS = 600_000;

/** Who is told, in words. */
export interface Told {
  away(workerId: string, since: string): Promise<void>;
  back(workerId: string): Promise<void>;
}

/** What `wait` gives; meanwhile the worker is looked for. */
export async function lookingFor<T>(workerId: string, told: Told, wait: () => Promise<T>): Promise<T> {
  // Histories of before have no such timer.
  if (!patched('worker-away')) return wait();
  let away = false;
  const since = new Date().toISOString();
  const looking = new CancellationScope();
  const look = async (): Promise<void> => {
    for (let ms = FIRST_LOOK_MS; ; ms = away ? FIRST_LOOK_MS : Math.min(2 * ms, MAX_BETWEEN_MS)) {
      await sleep(ms, { summary: `until worker ${workerId} is looked for` });
      const { polls, lastSeen } = await anyWorker.lookForWorker.executeWithOptions(
        { summary: `looks for worker ${workerId}` },
        [{ workerId }],
      );
      if (!polls && !away) await told.away(workerId, lastSeen ?? since);
      if (polls && away) await told.back(workerId);
      away = !polls;
    }
  };
  // Ends by being cancelled; what else could end it must not end the wait.
  looking.run(look).catch(() => undefined);
  try {
    return await wait();
  } finally {
    looking.cancel();
    if (away) await told.back(workerId);
  }
}
