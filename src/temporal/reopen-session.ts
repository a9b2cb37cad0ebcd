/** Opens a session again whose workflow was ended from outside: the next run of it begins with all that the last one had. */
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

/** What became of it: it was opened again; it goes on, or there never was one; it was cancelled, which is left so. */
export type Reopened = 'reopened' | 'open' | 'unknown' | 'cancelled';

/**
 * Opens the session again unless it goes on. Whoever needs it may call this, also several at once: one of them starts it.
 * A workflow that cannot say what it had (it failed at each try to go on) is followed by one that begins anew.
 * @param options.cancelled whether one that was cancelled is opened again, too: what starts something in it wants that
 * @throws what Temporal's client throws where the server or a worker does not answer
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
    if (cannotSay(error)) return undefined;
    throw error;
  });
  try {
    await client.workflow.start(SESSION.workflow, {
      ...sessionStart(session, (await last.staticSummary()) ?? `session ${session}`, first?.state),
      workflowIdConflictPolicy: 'FAIL',
    });
  } catch (error) {
    // Somebody was faster, and has done the rest.
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

/** What did not fit into the start is told anew, in its order. */
async function announce(client: Client, workflowId: string, item: unknown): Promise<void> {
  const parsed = announcement.safeParse(item);
  if (!parsed.success) return;
  const signal: AnnounceSignal = { announcement: parsed.data };
  const name = signalName(SESSION.announce, `${parsed.data.kind} of ${parsed.data.label}`);
  await client.workflow.getHandle(workflowId).signal(name, signal);
}

/** Whether the workflow itself is what fails: so says the server of a Query that it could not answer, or after its last task failed. */
const cannotSay = (error: unknown): boolean =>
  error instanceof QueryNotRegisteredError ||
  (error instanceof Error &&
    error.cause instanceof Error &&
    /Workflow Task in failed state/i.test(error.cause.message));
