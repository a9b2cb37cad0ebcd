/** Moves announcements that a session cannot carry through continue-as-new into pages, and releases pages. */
import { getExternalWorkflowHandle, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import {
  PAGE,
  pageWorkflowId,
  sessionWorkflowId,
  type Announcement,
  type PageInput,
} from '../../src/contract/index.ts';
import { overflow, archive, type ArchivedPage } from './outbox.ts';
import { fitToCarry, type SessionState } from './session-state.ts';

/** Makes the state small enough for continue-as-new by moving surplus announcements into pages. */
export async function archiveOverflow(session: string, state: SessionState): Promise<void> {
  const { firstExecutionRunId: run } = workflowInfo();
  for (let items = overflow(state); items.length > 0; items = overflow(state)) {
    const announcements = items.map(({ announcement }) => announcement);
    const workflowId = pageWorkflowId(session, run, items[0]?.seq ?? 0);
    const input: PageInput = { session, announcements };
    await startChild(PAGE.workflow, {
      workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${items.length} announcements of session ${session}`,
    });
    // Some may have been acknowledged while the page started; then this page is released and the loop tries again.
    const left = items.filter(({ seq }) => state.outbox.some((posted) => posted.seq === seq));
    if (left.length === items.length) archive(state, workflowId, items);
    else await release([{ workflowId }]);
  }
  await release(fitToCarry(state, noticeOf(session)));
}

/** A notice of the session itself, without id and summary. */
export function noticeOf(session: string): Omit<Announcement, 'id' | 'summary'> {
  return {
    kind: 'notice',
    session,
    label: session,
    run: 1,
    status: 'working',
    workflowId: sessionWorkflowId(session),
    runId: workflowInfo().firstExecutionRunId,
    at: new Date().toISOString(),
  };
}

/** Ends pages that are no longer needed. */
export async function release(pages: readonly Pick<ArchivedPage, 'workflowId'>[]): Promise<void> {
  await Promise.all(
    pages.map(({ workflowId }) =>
      getExternalWorkflowHandle(workflowId)
        .signal(PAGE.release)
        .catch(() => undefined),
    ),
  );
}
