/** Watches the worker that a subagent waits for, and reports each of its absences and returns to the main agent. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { anyWorkerCalls } from '../shared/activity-calls.ts';
import type { Announcer } from '../subagent/announcer.ts';
import { workerCheckPause } from '../shared/backoff.ts';
import type { GiveUp } from '../subagent/give-up.ts';
import type { StatusPublisher } from '../subagent/status-publisher.ts';
import type { SubagentMachine } from '../subagent/machine.ts';

interface AbsenceParts {
  readonly machine: SubagentMachine;
  readonly status: StatusPublisher;
  readonly announcer: Announcer;
  readonly giveUp: GiveUp;
}

/** Reports a worker's absence in the status and to the main agent. */
export class AbsenceNotices {
  readonly #parts: AbsenceParts;
  /** The subagent's `waitingFor` text from before the absence. */
  #waitedFor: string | undefined;

  constructor(parts: AbsenceParts) {
    this.#parts = parts;
  }

  /** Reports that the worker is away since `since` (ISO 8601). */
  async reportAway(workerId: string, since: string): Promise<void> {
    const { status, announcer } = this.#parts;
    const waits =
      status.status === 'stopping'
        ? 'stopping: waiting for the worker to come back'
        : 'the subagent waits for it';
    this.#waitedFor = status.waitingFor;
    status.away = { workerId, since };
    status.waitingFor = `waits for worker ${workerId}, away since ${since}`;
    status.publish();
    await announcer.announce('worker-away', `worker ${workerId} is away since ${since}; ${waits}`);
  }

  /** Reports that the worker is back, away since `since`. Reports nothing if the worker was given up meanwhile. */
  async reportBack(workerId: string, since: string): Promise<void> {
    const { machine, status, announcer, giveUp } = this.#parts;
    if (giveUp.request) return;
    status.waitingFor = this.#waitedFor;
    status.away = undefined;
    if (status.status === 'stopping') {
      const note = `the stop waited for worker ${workerId}, which was away from ${since} to ${new Date().toISOString()}`;
      machine.dispatch({ type: 'note-added', note });
    }
    status.publish();
    await announcer.announce('notice', `worker ${workerId} is back`);
  }
}

/** Runs `wait` and returns its result; meanwhile checks regularly whether the worker is there. */
export async function withWorkerWatch<T>(
  workerId: string,
  notices: Pick<AbsenceNotices, 'reportAway' | 'reportBack'>,
  wait: () => Promise<T>,
): Promise<T> {
  let away: string | undefined;
  const began = new Date().toISOString();
  const looking = new CancellationScope();
  const back = async (): Promise<void> => {
    if (away !== undefined) await notices.reportBack(workerId, away);
    away = undefined;
  };
  const look = async (): Promise<void> => {
    // The pauses grow: each check takes about ten history events, and the server ends a workflow with too many. A
    // worker that returns ends the wait by itself, unless all its slots are taken.
    for (let looks = 0; ; looks++) {
      await sleep(workerCheckPause(looks), { summary: `until the next check for worker ${workerId}` });
      const { polls, lastSeen } = await anyWorkerCalls.lookForWorker.executeWithOptions(
        { summary: `check whether worker ${workerId} is there` },
        [{ workerId }],
      );
      if (polls) {
        await back();
      } else if (away === undefined) {
        const since = lastSeen ?? began;
        await notices.reportAway(workerId, since);
        away = since;
      }
    }
  };
  // Cancelled below. An error of the check must not end the wait.
  looking.run(look).catch(() => undefined);
  let givenUp = false;
  try {
    return await wait();
  } catch (error) {
    givenUp = isCancellation(error);
    throw error;
  } finally {
    looking.cancel();
    // A cancelled wait says nothing about the worker.
    if (away !== undefined && !givenUp) await back();
  }
}
