import { ApplicationFailure, CancellationScope, getExternalWorkflowHandle } from '@temporalio/workflow';
import { sessionWorkflowId } from '../src/contract/index.ts';

/** Signals the session by its workflow id, so that the newest run hears it. A session that is gone is no error of the subagent's. */
export async function tellSession(session: string, signal: string, payload: object): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    try {
      await getExternalWorkflowHandle(sessionWorkflowId(session)).signal(signal, payload);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  });
}

function isGone(error: unknown): boolean {
  return error instanceof ApplicationFailure
    ? error.type === 'ExternalWorkflowExecutionNotFound'
    : /not found/i.test(String(error));
}
