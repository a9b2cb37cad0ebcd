/** Reopens a session whose workflow was terminated: its next run starts with the whole state of the last one. */
import {
  QueryNotRegisteredError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import {
  announcement,
  handoverView,
  SESSION,
  signalName,
  sessionWorkflowId,
  type AnnounceSignal,
  type HandoverView,
} from '../contract/index.ts';
import { isOpen } from './execution-status.ts';
import { sessionStart } from './session-start.ts';

/** The result: reopened; still open; never existed; or cancelled, and left closed. */
export type Reopened = 'reopened' | 'open' | 'unknown' | 'cancelled';

/**
 * Reopens the session unless it is open. Several callers at once are safe: one of them starts it. If the closed
 * workflow cannot return its state (it failed whenever it ran), the session starts anew.
 * @param options.cancelled whether to reopen a cancelled session too, for callers that start something in it
 * @throws what Temporal's client throws if the server or a worker does not answer
 */
export async function reopenSession(
  client: Client,
  session: string,
  options: { readonly cancelled: boolean },
): Promise<Reopened> {
  const workflowId = sessionWorkflowId(session);
  let last;
  try {
    last = await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'unknown';
    throw error;
  }
  if (isOpen(last.status.name)) return 'open';
  if (last.status.name === 'CANCELLED' && !options.cancelled) return 'cancelled';
  const closed = client.workflow.getHandle(workflowId, last.runId);
  const ask = async (after: number): Promise<HandoverView> =>
    handoverView.parse(await closed.query<unknown, [number]>(SESSION.handover, after));
  const first = await ask(0).catch((error: unknown) => {
    if (isWorkflowBroken(error)) return undefined;
    throw error;
  });
  const title: unknown = await last.staticSummary();
  try {
    await client.workflow.start(SESSION.workflow, {
      // A title under a key that is missing is no text.
      ...sessionStart(session, typeof title === 'string' ? title : `session ${session}`, first?.state),
      workflowIdConflictPolicy: 'FAIL',
    });
  } catch (error) {
    // Another caller was faster, and does the rest.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'open';
    throw error;
  }
  for (let after = first?.next ?? null; after !== null;) {
    const { announcements, next } = await ask(after);
    for (const item of announcements) await announce(client, workflowId, item);
    after = next;
  }
  return 'reopened';
}

/** Announcements that did not fit into the start are sent again, in order. */
async function announce(client: Client, workflowId: string, item: unknown): Promise<void> {
  const parsed = announcement.safeParse(item);
  if (!parsed.success) return;
  const signal: AnnounceSignal = { announcement: parsed.data };
  const name = signalName(SESSION.announce, `${parsed.data.kind} of ${parsed.data.label}`);
  await client.workflow.getHandle(workflowId).signal(name, signal);
}

/** Whether the workflow itself fails: the server says so for a Query without a handler, or after a failed last task. */
const isWorkflowBroken = (error: unknown): boolean =>
  error instanceof QueryNotRegisteredError ||
  (error instanceof Error &&
    error.cause instanceof Error &&
    /Workflow Task in failed state/i.test(error.cause.message));
