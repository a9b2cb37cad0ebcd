/** Tells the session of a finished run what was removed of it, so that every face knows. */
import type { Client } from '@temporalio/client';
import {
  SESSION,
  sessionWorkflowId,
  signalName,
  type CleanedSignal,
  type Remains,
  type SubagentRef,
} from '../../src/contract/index.ts';

/** A session that has ended or cannot be reached is not told: the removal stands all the same. */
export function tellCleanedBy(client: Client) {
  return async ({ session, label, run }: SubagentRef, removed: readonly Remains[]): Promise<void> => {
    const signal: CleanedSignal = {
      label,
      run,
      cleaned: { at: new Date().toISOString(), removed: [...removed] },
    };
    await client.workflow
      .getHandle(sessionWorkflowId(session))
      .signal(signalName(SESSION.cleaned, `${label}@${run}`), signal)
      .catch(() => undefined);
  };
}
