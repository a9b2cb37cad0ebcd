/** Queries to the server's visibility store. They need no worker, and their results lag behind by a moment. */
import type { WorkflowExecutionInfo } from '@temporalio/client';
import {
  chainWorkflowId,
  FIRST_QUEUE_MEMO,
  SEARCH_ATTRIBUTES,
  SESSION,
  sessionWorkflowId,
  subagentWorkflowId,
  type Status,
  type SessionOverview,
  type SubagentRow,
} from '../../contract/index.ts';
import { isOpen, statusOf } from '../../temporal/execution-status.ts';
import { runsOfSession } from '../../temporal/visibility-query.ts';
import { isNotFound } from '../errors.ts';
import type { Link } from '../connection/link.ts';
import { stallFromMemo } from '../subagents/stall.ts';
import type { KnownRun } from './runs.ts';

/**
 * Open sessions of the namespace, newest first; with `all`, also the closed ones. Returns the newest run of each name.
 */
export async function findSessions(
  link: Link,
  options: { readonly all: boolean },
): Promise<SessionOverview[]> {
  const found = new Map<string, SessionOverview>();
  const onlyOpen = options.all ? '' : ` AND ExecutionStatus = 'Running'`;
  for (const info of await query(link, `WorkflowType = '${SESSION.workflow}'${onlyOpen}`, Infinity)) {
    const session = info.workflowId.slice(sessionWorkflowId('').length);
    if (info.workflowId !== sessionWorkflowId(session) || found.has(session)) continue;
    found.set(session, {
      session,
      workflowId: info.workflowId,
      runId: info.runId,
      open: isOpen(info.status.name),
      startedAt: info.startTime.toISOString(),
    });
  }
  return [...found.values()];
}

/** Whether a session of that name is open. Uses a description of the workflow, which does not lag behind. */
export async function isSessionOpen(link: Link, session: string): Promise<boolean> {
  return link.call(`look at session ${session}`, async () => {
    try {
      const handle = link.client.workflow.getHandle(sessionWorkflowId(session));
      return isOpen((await handle.describe()).status.name);
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  });
}

/** Live subagents whose session has ended before them (for example by termination), by the session's name. */
export async function listLiveOrphans(
  link: Link,
  { open, max }: { readonly open: ReadonlySet<string>; readonly max: number },
): Promise<Map<string, KnownRun[]>> {
  const orphans = new Map<string, KnownRun[]>();
  for (const run of await findRuns(link, { onlyOpen: true, max })) {
    if (open.has(run.session)) continue;
    orphans.set(run.session, [...(orphans.get(run.session) ?? []), run]);
  }
  for (const session of orphans.keys()) if (await isSessionOpen(link, session)) orphans.delete(session);
  return orphans;
}

/**
 * Runs of subagents, newest first: of one session, or of all.
 * @param options.max the maximum number of runs.
 */
export async function findRuns(
  link: Link,
  options: { readonly session?: string | undefined; readonly onlyOpen?: boolean; readonly max: number },
): Promise<KnownRun[]> {
  const conditions = [runsOfSession(options.session)];
  if (options.onlyOpen === true) conditions.push(`ExecutionStatus = 'Running'`);
  const rows = await query(link, conditions.join(' AND '), options.max);
  return rows.map(toRun);
}

/**
 * The newest `max` queued subagents of a session by run id, each with the reason why it makes no progress, and with the
 * queue in which it waits if it has had no worker yet.
 */
export async function findQueued(
  link: Link,
  session: string,
  max: number,
): Promise<ReadonlyMap<string, Pick<SubagentRow, 'stalled'> & { readonly firstQueue?: string }>> {
  const queued: Status = 'queued';
  const filter = `${runsOfSession(session)} AND ExecutionStatus = 'Running' AND ${SEARCH_ATTRIBUTES.status} = '${queued}'`;
  const found = await query(link, filter, max);
  return new Map(
    found.map(({ runId, memo }) => {
      const stalled = stallFromMemo(memo);
      const queue = memo?.[FIRST_QUEUE_MEMO];
      return [
        runId,
        { ...(stalled && { stalled }), ...(typeof queue === 'string' && { firstQueue: queue }) },
      ];
    }),
  );
}

/** The newest run of a label, from a description of its workflow: needs no worker, and does not lag behind. */
export async function findNewestRun(
  link: Link,
  session: string,
  label: string,
): Promise<KnownRun | undefined> {
  const found = await Promise.all(
    [subagentWorkflowId(session, label), chainWorkflowId(session, label)].map((workflowId) =>
      link.call(`look for ${session}/${label}`, async () => {
        try {
          return toRun(await link.client.workflow.getHandle(workflowId).describe());
        } catch (error) {
          if (isNotFound(error)) return undefined;
          throw error;
        }
      }),
    ),
  );
  // The same label may have been used for a subagent and for a chain.
  return found.filter((run) => run !== undefined).sort((a, b) => b.run - a.run)[0];
}

/** One run, from a description of its workflow; undefined when the server does not have it (any more). */
export async function findExactRun(
  link: Link,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
): Promise<KnownRun | undefined> {
  return link.call(`look at ${workflowId}`, async () => {
    try {
      return toRun(await link.client.workflow.getHandle(workflowId, runId).describe());
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  });
}

/** Reads a run from its workflow id and from the memo that the session sets. */
function toRun(info: Omit<WorkflowExecutionInfo, 'raw'>): KnownRun {
  const [, session = '', label = ''] = info.workflowId.split('/');
  const memo = info.memo ?? {};
  return {
    session,
    label,
    run: typeof memo['run'] === 'number' ? memo['run'] : 1,
    workflowId: info.workflowId,
    runId: info.runId,
    status: statusOf(info),
    task: typeof memo['task'] === 'string' ? memo['task'] : '',
    repo: typeof memo['repo'] === 'string' ? memo['repo'] : '',
    ...(typeof memo['fingerprint'] === 'string' && { fingerprint: memo['fingerprint'] }),
    startedAt: info.startTime.toISOString(),
    ...(info.closeTime !== undefined && { endedAt: info.closeTime.toISOString() }),
  };
}

async function query(link: Link, filter: string, max: number): Promise<WorkflowExecutionInfo[]> {
  return link.call('list workflows', async () => {
    const rows: WorkflowExecutionInfo[] = [];
    for await (const info of link.client.workflow.list({ query: filter, pageSize: Math.min(max, 1_000) })) {
      rows.push(info);
      if (rows.length >= max) break;
    }
    return rows;
  });
}
