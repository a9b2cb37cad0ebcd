import { ApplicationFailure, CancellationScope, getExternalWorkflowHandle } from '@temporalio/workflow';
import { sessionWorkflowId } from '../../src/contract/index.ts';
import { anyWorkerFinalCalls } from './activity-calls.ts';

/** How often a closed session is reopened for one message. */
const MAX_REOPENINGS = 3;

/**
 * Signals the session by its workflow id, so that its newest run receives the signal. Reopens a session that was
 * terminated. If the session was cancelled or cannot be reopened, returns without an error.
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

/** Whether there is a session to signal now. */
async function reopen(session: string): Promise<boolean> {
  try {
    const summary = `reopen session ${session}`;
    return await anyWorkerFinalCalls.reopenSession.executeWithOptions({ summary }, [{ session }]);
  } catch {
    // A worker reopens it later: workers look for closed sessions whose subagents are still live.
    return false;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApplicationFailure
    ? error.type === 'ExternalWorkflowExecutionNotFound'
    : /not found/i.test(String(error));
}
