/** Reports to the session of a finished run which parts were removed, so that every interface shows it. */
import type { Client } from '@temporalio/client';
import {
  SESSION,
  sessionWorkflowId,
  signalName,
  type CleanedSignal,
  type Remains,
  type SubagentRef,
} from '../../src/contract/index.ts';

/** Ignores errors: a session that has ended or cannot be reached gets no report, and the removal is still valid. */
export function cleanedReporter(client: Client) {
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
