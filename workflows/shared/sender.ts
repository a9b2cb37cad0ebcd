/**
 * Interceptors of every workflow that tell who sent the message that is being handled: the identity of the client's call,
 * which the server keeps in the history.
 */
import type { WorkflowInboundCallsInterceptor, WorkflowInternalsInterceptor } from '@temporalio/workflow';
import { shownIdentity, type AuditEntry } from '../../src/contract/index.ts';

/** Senders of the signals that are not handled yet, by name, in the order of their arrival. */
const ofSignals = new Map<string, string[]>();
/** Senders of the Updates that are not handled yet, by id. */
const ofUpdates = new Map<string, string>();
let current: string | undefined;
let canceller: string | undefined;

/** The interceptor of activations: only there the identities can be seen. */
export const readSenders: WorkflowInternalsInterceptor = {
  activate(input, next) {
    for (const { signalWorkflow, doUpdate, cancelWorkflow } of input.activation.jobs ?? []) {
      if (signalWorkflow?.signalName)
        ofSignals.set(signalWorkflow.signalName, [
          ...(ofSignals.get(signalWorkflow.signalName) ?? []),
          shownIdentity(signalWorkflow.identity),
        ]);
      if (doUpdate?.id) ofUpdates.set(doUpdate.id, shownIdentity(doUpdate.meta?.identity));
      if (cancelWorkflow) canceller ??= shownIdentity(cancelWorkflow.reason);
    }
    next(input);
  },
};

/** The inbound interceptor. It must come last: a handler is then called before anything else is handled. */
export const senders: WorkflowInboundCallsInterceptor = {
  async handleSignal(input, next) {
    const [sender, ...later] = ofSignals.get(input.signalName) ?? [];
    if (later.length > 0) ofSignals.set(input.signalName, later);
    else ofSignals.delete(input.signalName);
    await during(sender, () => next(input));
  },
  validateUpdate(input, next) {
    try {
      next(input);
    } catch (error) {
      ofUpdates.delete(input.updateId);
      throw error;
    }
  },
  async handleUpdate(input, next) {
    const sender = ofUpdates.get(input.updateId);
    ofUpdates.delete(input.updateId);
    return during(sender, () => next(input));
  },
};

/** Who sent the message that is being handled. Only for handlers, before their first await. */
export const senderOfMessage = (): string => current ?? shownIdentity(undefined);

/** Who asked for the end of this workflow: a client gives its identity as the reason. */
export const senderOfCancellation = (): string => canceller ?? shownIdentity(undefined);

/** An entry of the audit, now. */
export const auditNow = (action: AuditEntry['action'], by: string): AuditEntry => ({
  at: new Date().toISOString(),
  action,
  by,
});

function during<T>(sender: string | undefined, handle: () => T): T {
  current = sender;
  try {
    return handle();
  } finally {
    current = undefined;
  }
}
