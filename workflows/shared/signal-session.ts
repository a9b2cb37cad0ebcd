import { ApplicationFailure, CancellationScope, getExternalWorkflowHandle } from '@temporalio/workflow';
import { sessionWorkflowId } from '../../src/contract/index.ts';
import { anyWorkerBriefly } from './activity-calls.ts';

/** How often a session that is gone is opened again for one message. */
const MAX_REOPENINGS = 3;

/**
 * Signals the session by its workflow id, so that the newest run hears it. One that was ended from outside is opened again first;
 * one that was cancelled, or cannot be opened, is no error of the subagent's.
 */
export async function signalSession(session: string, signal: string, payload: object): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    for (let reopenings = 0; ; reopenings += 1) {
      try {
        await getExternalWorkflowHandle(sessionWorkflowId(session)).signal(signal, payload);
        return;
      } catch (error) {
        if (!isGone(error)) throw error;
      }
      if (reopenings === MAX_REOPENINGS || !(await reopen(session))) return;
    }
  });
}

/** Gives whether there is a session to tell now. */
async function reopen(session: string): Promise<boolean> {
  try {
    const summary = `opens session ${session} again`;
    return await anyWorkerBriefly.reopenSession.executeWithOptions({ summary }, [{ session }]);
  } catch {
    // A worker does it once it can: it looks for sessions that were ended while work of theirs went on.
    return false;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApplicationFailure
    ? error.type === 'ExternalWorkflowExecutionNotFound'
    : /not found/i.test(String(error));
}
