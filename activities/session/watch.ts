/**
 * `watchChildren`: finds subagents that ended without their session's knowledge, and sends `ended` to the session
 * on their behalf.
 */
import { cancellationSignal, heartbeat, sleep } from '@temporalio/activity';
import {
  ApplicationFailure,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import {
  finalStatus,
  endKind,
  outcome,
  poolControlQueue,
  SESSION,
  signalName,
  sessionWorkflowId,
  withSummary,
  workerControlQueue,
  workerOf,
  type EndedSignal,
  type FinalStatus,
  type FindOrphansInput,
  type FindPoolWorkersInput,
  type LookForWorkerInput,
  type Outcome,
  type ReopenSessionInput,
  type SessionActivities,
  type SessionEntry,
  type WatchChildrenInput,
  type WorkerSeen,
} from '../../src/contract/index.ts';
import { isOpen, statusOf } from '../../src/temporal/execution-status.ts';
import { reopenSession } from '../../src/temporal/reopen-session.ts';
import { lastPoll, pollerIdentities, POLL_FRESHNESS_MS } from '../../src/temporal/pollers.ts';
import { findOrphans } from '../ending/orphans.ts';

/**
 * Milliseconds between two checks, and children per check: a check of a thousand children would load the server.
 */
const INTERVAL_MS = 1_000;
const CHECKED_AT_ONCE = 50;

/** What the session activities need of their worker. */
export interface SessionDependencies {
  readonly client: Client;
  /** Maximum age, in milliseconds, of a poll that shows that a worker is running. */
  readonly pollFreshnessMs?: number | undefined;
}

/** Creates the activities of a session's workflow. */
export function createSessionActivities(deps: SessionDependencies): SessionActivities {
  const { client, pollFreshnessMs = POLL_FRESHNESS_MS } = deps;
  return {
    async lookForWorker({ workerId }: LookForWorkerInput): Promise<WorkerSeen> {
      const { namespace } = client.options;
      const last = await lastPoll(client, namespace, workerControlQueue(workerId), 'activity');
      return {
        polls: last >= Date.now() - pollFreshnessMs,
        ...(last > 0 && { lastSeen: new Date(last).toISOString() }),
      };
    },

    async findPoolWorkers({ pool }: FindPoolWorkersInput): Promise<readonly string[]> {
      const { namespace } = client.options;
      const queue = poolControlQueue(pool);
      const polling = await pollerIdentities(client, namespace, queue, 'activity', pollFreshnessMs);
      return [...new Set(polling.map(workerOf))].sort();
    },

    findOrphans: (input: FindOrphansInput) => findOrphans(client, input),

    async reopenSession({ session }: ReopenSessionInput): Promise<boolean> {
      const reopened = await reopenSession(client, session, { cancelled: false });
      return reopened === 'reopened' || reopened === 'open';
    },

    async watchChildren({ session, children }: WatchChildrenInput): Promise<void> {
      const running = [...children];
      while (running.length > 0) {
        const looked = running.splice(0, CHECKED_AT_ONCE);
        const ends = await Promise.all(looked.map((child) => checkChild(client, session, child)));
        for (const [index, child] of looked.entries()) {
          const end = ends[index];
          // Children that are still running are checked again after all others.
          if (end === 'running') running.push(child);
          else if (typeof end === 'object') await signalEnd(client, session, child, end);
        }
        heartbeat();
        if (running.length > 0) await sleep(INTERVAL_MS);
        cancellationSignal().throwIfAborted();
      }
    },
  };
}

/** What is reported to the session on behalf of a child. */
type MissedEnd = Pick<SessionEntry, 'branch' | 'head'> & {
  readonly status: FinalStatus;
  readonly summary: string;
};

/**
 * Returns `running`, `reported` for a closed child whose end the session knows (most report it as their last act), or
 * the end to report.
 */
async function checkChild(
  client: Client,
  session: string,
  child: SessionEntry,
): Promise<'running' | 'reported' | MissedEnd> {
  try {
    const handle = client.workflow.getHandle(child.workflowId, child.runId);
    const description = await handle.describe();
    const { name } = description.status;
    if (isOpen(name)) return 'running';
    if (name === 'TERMINATED') return lost('terminated from outside');
    if (name === 'TIMED_OUT') return lost('its workflow timed out');
    if (!(await isLive(client, session, child))) return 'reported';
    const status = finalStatus.parse(statusOf(description));
    const found = await outcomeOf(handle, description.memo);
    const { branch, head } = found?.evidence ?? {};
    const summary = found?.summary ?? `${status}; the subagent could not report it itself`;
    return { status, summary, ...(branch !== undefined && { branch }), ...(head !== undefined && { head }) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return lost('its workflow is gone from the server');
    throw error;
  }
}

/** Whether the session still considers the child live. */
async function isLive(client: Client, session: string, { label, run }: SessionEntry): Promise<boolean> {
  const handle = client.workflow.getHandle(sessionWorkflowId(session));
  const entry = await handle.query<SessionEntry | null, [{ label: string; run: number }]>(SESSION.find, {
    label,
    run,
  });
  return entry !== null && entry.endedAt === undefined;
}

const lost = (reason: string): MissedEnd => ({ status: 'lost', summary: `lost: ${reason}` });

/** Reads the outcome of a closed run: from its result, the details of its failure, or the memo of a killed run. */
async function outcomeOf(
  handle: WorkflowHandle,
  memo: Readonly<Record<string, unknown>> | undefined,
): Promise<Outcome | undefined> {
  const read = async (): Promise<unknown> => {
    try {
      return await handle.result();
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      return error.cause instanceof ApplicationFailure ? error.cause.details?.[0] : memo?.['outcome'];
    }
  };
  return outcome.safeParse(await read()).data;
}

async function signalEnd(
  client: Client,
  session: string,
  child: SessionEntry,
  end: MissedEnd,
): Promise<void> {
  const at = new Date().toISOString();
  const { label, run, workflowId, runId } = child;
  const { status, summary } = end;
  const about = {
    id: `${label}@${run}:ended`,
    kind: endKind(status),
    session,
    label,
    run,
    workflowId,
    runId,
  };
  const signal: EndedSignal = {
    announcement: withSummary({ ...about, status, at }, summary),
    entry: { ...child, ...end, endedAt: at },
  };
  await client.workflow
    .getHandle(sessionWorkflowId(session))
    .signal(signalName(SESSION.ended, `${label}, ${status}`), signal);
}
