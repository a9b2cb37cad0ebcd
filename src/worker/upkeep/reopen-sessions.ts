/**
 * Reopens sessions that were terminated while their subagents or chains are live, or before an end could be reported:
 * their receivers wait for it. Usually a subagent with something to report reopens its session; this covers the others.
 */
import type { Client } from '@temporalio/client';
import { SESSION, sessionWorkflowId } from '../../contract/index.ts';
import { reopenSession } from '../../temporal/reopen-session.ts';
import { runsOfSession } from '../../temporal/visibility-query.ts';
import { repeat } from './repeat.ts';

/** Milliseconds between checks. */
const EVERY_MS = 5_000;
/** The server's list lags behind by less than this, in milliseconds. */
const LAG_MS = 60_000;

/**
 * Checks every terminated session, and from then on those that were terminated since.
 * @param onAnswer called when the server has answered a check
 */
export function startReopening(client: Client, onAnswer: () => void): { stop(): void } {
  let seen: number | undefined;
  return repeat(async (stopped) => {
    const began = Date.now();
    try {
      const ended = await endedSince(client, seen === undefined ? 0 : seen - LAG_MS);
      onAnswer();
      for (const [session, closedAt] of ended) {
        if (stopped()) return;
        if (await hasWork(client, session, closedAt))
          await reopenSession(client, session, { cancelled: false });
      }
      seen = began;
    } catch {
      // The server is away, or has no visibility store; the next check repeats this one.
    }
  }, EVERY_MS);
}

/** Sessions that were terminated or failed, with the time of their latest end. */
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

/** Whether a run of the session is live, or has ended since. */
async function hasWork(client: Client, session: string, closedAt: Date): Promise<boolean> {
  const query = `${runsOfSession(session)} AND (ExecutionStatus = 'Running' OR CloseTime > '${closedAt.toISOString()}')`;
  for await (const found of client.workflow.list({ query, pageSize: 1 })) return found !== undefined;
  return false;
}
