/** A subagent that waits for its worker: where that is away its main agent is told, once for each absence, and when it is back. */
import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import { anyWorker } from './activity-calls.ts';
import { lookPause } from './backoff.ts';

/** Who is told, in words. */
export interface Told {
  away(workerId: string, since: string): Promise<void>;
  back(workerId: string, since: string): Promise<void>;
}

/** What `wait` gives; meanwhile the worker is looked for. */
export async function lookingFor<T>(workerId: string, told: Told, wait: () => Promise<T>): Promise<T> {
  // Histories of before have no such timer.
  if (!patched('worker-away')) return wait();
  let away: string | undefined;
  const began = new Date().toISOString();
  const looking = new CancellationScope();
  const back = async (): Promise<void> => {
    if (away !== undefined) await told.back(workerId, away);
    away = undefined;
  };
  const look = async (): Promise<void> => {
    // They get rarer: each is some ten events, and the server ends a workflow that has too many. The worker's return ends
    // the wait by itself, unless it is full.
    for (let looks = 0; ; looks++) {
      await sleep(lookPause(looks), { summary: `until worker ${workerId} is looked for` });
      const { polls, lastSeen } = await anyWorker.lookForWorker.executeWithOptions(
        { summary: `looks for worker ${workerId}` },
        [{ workerId }],
      );
      if (polls) {
        await back();
      } else if (away === undefined) {
        const since = lastSeen ?? began;
        await told.away(workerId, since);
        away = since;
      }
    }
  };
  // Ends by being cancelled; what else could end it must not end the wait.
  looking.run(look).catch(() => undefined);
  let givenUp = false;
  try {
    return await wait();
  } catch (error) {
    givenUp = isCancellation(error);
    throw error;
  } finally {
    looking.cancel();
    // A wait that was given up says nothing of the worker, which workflows of before took for back.
    if (away !== undefined && !(givenUp && patched('back-when-answered'))) await back();
  }
}
