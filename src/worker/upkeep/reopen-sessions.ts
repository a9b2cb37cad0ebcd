/**
 * Opens sessions again that were ended from outside while work of theirs goes on, or that had no time to hear of an end: their
 * receivers wait for it. Most are opened by the subagent that has something to tell; this is for those that tell nothing.
 */
import type { Client } from '@temporalio/client';
import { SESSION, sessionWorkflowId } from '../../contract/index.ts';
import { reopenSession } from '../../temporal/reopen-session.ts';
import { runsOfSession } from '../../temporal/visibility-query.ts';
import { repeat } from './repeat.ts';

/** Between two looks, in milliseconds. */
const EVERY_MS = 5_000;
/** What the server lists lags behind by less than this, in milliseconds. */
const LAG_MS = 60_000;

/** Looks now at every session that was ended from outside, and from then on at those that were ended since. */
export function keepReopening(client: Client): { stop(): void } {
  let seen: number | undefined;
  return repeat(async (stopped) => {
    const began = Date.now();
    try {
      for (const [session, closedAt] of await endedSince(client, seen === undefined ? 0 : seen - LAG_MS)) {
        if (stopped()) return;
        if (await hasWork(client, session, closedAt))
          await reopenSession(client, session, { cancelled: false });
      }
      seen = began;
    } catch {
      // The server is away, or has no list: the next look makes up for it.
    }
  }, EVERY_MS);
}

/** Sessions that somebody ended, and when: of each its newest end. */
async function endedSince(client: Client, since: number): Promise<Map<string, Date>> {
  const query = [
    `WorkflowType = '${SESSION.workflow}'`,
    `ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')`,
    `CloseTime > '${new Date(since).toISOString()}'`,
  ].join(' AND ');
  const ended = new Map<string, Date>();
  for await (const { workflowId, closeTime } of client.workflow.list({ query })) {
    const session = workflowId.slice(sessionWorkflowId('').length);
    const before = ended.get(session);
    if (closeTime !== undefined && (before === undefined || before < closeTime))
      ended.set(session, closeTime);
  }
  return ended;
}

/** Whether something of the session is live, or has ended since. */
async function hasWork(client: Client, session: string, closedAt: Date): Promise<boolean> {
  const query = `${runsOfSession(session)} AND (ExecutionStatus = 'Running' OR CloseTime > '${closedAt.toISOString()}')`;
  for await (const found of client.workflow.list({ query, pageSize: 1 })) return found !== undefined;
  return false;
}
