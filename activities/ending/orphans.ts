/** `findOrphans`: finds the subagents that a session left behind, for the next session of the same name. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import {
  byteLength,
  MAX_LIVE_BYTES,
  MAX_LIVE_SUBAGENTS,
  SEARCH_ATTRIBUTES,
  SESSION,
  sessionWorkflowId,
  type FindOrphansInput,
  type SessionEntry,
} from '../../src/contract/index.ts';
import { attributeOf, statusOf } from '../../src/temporal/execution-status.ts';
import { runsOfSession } from '../../src/temporal/visibility-query.ts';

/**
 * Returns subagents that are live, and those that ended after the previous session ended and so could not report to
 * it. Bounded by the number and the size of the entries that a session may hold.
 */
export async function findOrphans(
  client: Client,
  { session, before }: FindOrphansInput,
): Promise<SessionEntry[]> {
  const left = await lastSessionEnd(client, session);
  const untold = left === undefined ? '' : ` OR CloseTime > '${left.toISOString()}'`;
  const orphans: SessionEntry[] = [];
  const query = `${runsOfSession(session)} AND StartTime < '${before}' AND (ExecutionStatus = 'Running'${untold})`;
  let bytes = 0;
  for await (const info of client.workflow.list({ query })) {
    const entry = entryOf(info);
    bytes += byteLength(JSON.stringify(entry));
    if (bytes > MAX_LIVE_BYTES || orphans.length >= MAX_LIVE_SUBAGENTS) break;
    orphans.push(entry);
  }
  return orphans;
}

/** When the newest closed session of that name ended; undefined when the server has none. */
async function lastSessionEnd(client: Client, session: string): Promise<Date | undefined> {
  const query = `WorkflowType = '${SESSION.workflow}' AND WorkflowId = '${sessionWorkflowId(session)}' AND ExecutionStatus != 'Running' AND ExecutionStatus != 'ContinuedAsNew'`;
  let last: Date | undefined;
  for await (const { closeTime } of client.workflow.list({ query }))
    if (closeTime !== undefined && (last === undefined || closeTime > last)) last = closeTime;
  return last;
}

/** Builds the entry from the memo that the session attached to the subagent's workflow. */
function entryOf(info: WorkflowExecutionInfo): SessionEntry {
  const { label, run, task, repo } = info.memo ?? {};
  const model = attributeOf(info, SEARCH_ATTRIBUTES.model);
  return {
    label: String(label),
    run: typeof run === 'number' ? run : 1,
    workflowId: info.workflowId,
    runId: info.runId,
    status: statusOf(info),
    task: typeof task === 'string' ? task : '',
    repo: typeof repo === 'string' ? repo : '',
    ...(model !== undefined && { model }),
    startedAt: info.startTime.toISOString(),
  };
}
