/** A subagent that waits for its worker: where that is away its main agent is told, once for each absence, and when it is back. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { anyWorker } from '../shared/activity-calls.ts';
import type { Announcer } from '../subagent/announcer.ts';
import { lookPause } from '../shared/backoff.ts';
import type { GiveUp } from '../subagent/give-up.ts';
import type { StatusPublisher } from '../subagent/status-publisher.ts';
import type { SubagentMachine } from '../subagent/machine.ts';

interface AbsenceParts {
  readonly machine: SubagentMachine;
  readonly status: StatusPublisher;
  readonly announcer: Announcer;
  readonly giveUp: GiveUp;
}

/** Tells of a worker's absence: in the status, and to the main agent. */
export class AbsenceNotices {
  readonly #parts: AbsenceParts;
  /** What the subagent waited for before it was known that its worker is away. */
  #waitedFor: string | undefined;

  constructor(parts: AbsenceParts) {
    this.#parts = parts;
  }

  /** The worker is away, since `since` (ISO 8601). */
  async away(workerId: string, since: string): Promise<void> {
    const { status, announcer } = this.#parts;
    const waits = status.status === 'stopping' ? 'its end waits' : 'it waits';
    this.#waitedFor = status.waitingFor;
    status.away = { workerId, since };
    status.waitingFor = `waits for worker ${workerId}, which is away since ${since}`;
    status.show();
    await announcer.announce('worker-away', `worker ${workerId} is away since ${since}; ${waits} for it`);
  }

  /** The worker is back; `since`: when it went away. Nobody is told where it was given up meanwhile. */
  async back(workerId: string, since: string): Promise<void> {
    const { machine, status, announcer, giveUp } = this.#parts;
    if (giveUp.request) return;
    status.waitingFor = this.#waitedFor;
    status.away = undefined;
    if (status.status === 'stopping') {
      const note = `its end waited for worker ${workerId}, away from ${since} to ${new Date().toISOString()}`;
      machine.dispatch({ type: 'noted', note });
    }
    status.show();
    await announcer.announce('notice', `worker ${workerId} is back`);
  }
}

/** What `wait` gives; meanwhile the worker is looked for. */
export async function withWorkerWatch<T>(
  workerId: string,
  notices: Pick<AbsenceNotices, 'away' | 'back'>,
  wait: () => Promise<T>,
): Promise<T> {
  let away: string | undefined;
  const began = new Date().toISOString();
  const looking = new CancellationScope();
  const back = async (): Promise<void> => {
    if (away !== undefined) await notices.back(workerId, away);
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
        await notices.away(workerId, since);
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
    // A wait that was given up says nothing of the worker.
    if (away !== undefined && !givenUp) await back();
  }
}
