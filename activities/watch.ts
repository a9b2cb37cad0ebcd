/** `watchChildren`: finds subagents whose workflows closed without a word, and says `ended` to the session in their name. */
import { cancellationSignal, heartbeat, sleep } from '@temporalio/activity';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import {
  SESSION,
  sessionWorkflowId,
  type EndedSignal,
  type SessionActivities,
  type SessionEntry,
  type LookForWorkerInput,
  type WatchChildrenInput,
  type WorkerSeen,
  workerControlQueue,
} from '../src/contract/index.ts';
import { lastPoll, POLL_FRESHNESS_MS } from '../src/temporal/pollers.ts';

/** Between two looks at the children. */
const INTERVAL_MS = 1_000;

export interface SessionDependencies {
  readonly client: Client;
  /** How fresh a poll must be to count as a worker's, in milliseconds. */
  readonly pollFreshnessMs?: number | undefined;
}

export function createSessionActivities(on: SessionDependencies): SessionActivities {
  const { client, pollFreshnessMs = POLL_FRESHNESS_MS } = on;
  return {
    async lookForWorker({ workerId }: LookForWorkerInput): Promise<WorkerSeen> {
      const { namespace } = client.options;
      const last = await lastPoll(client, namespace, workerControlQueue(workerId), 'activity');
      return {
        polls: last >= Date.now() - pollFreshnessMs,
        ...(last > 0 && { lastSeen: new Date(last).toISOString() }),
      };
    },

    async watchChildren({ session, children }: WatchChildrenInput): Promise<void> {
      let running = [...children];
      while (running.length > 0) {
        const states = await Promise.all(running.map((child) => look(client, child)));
        for (const [index, state] of states.entries()) {
          const child = running[index];
          if (child && state !== 'running' && state !== 'told') await tell(client, session, child, state);
        }
        running = running.filter((_, index) => states[index] === 'running');
        heartbeat();
        if (running.length > 0) await sleep(INTERVAL_MS);
        cancellationSignal().throwIfAborted();
      }
    },
  };
}

/** How a child stands: running, closed by itself (its last act told the session), or the words for another end. */
async function look(client: Client, child: SessionEntry): Promise<'running' | 'told' | (string & {})> {
  try {
    const { status } = await client.workflow.getHandle(child.workflowId, child.runId).describe();
    if (status.name === 'RUNNING' || status.name === 'PAUSED') return 'running';
    if (status.name === 'TERMINATED') return 'terminated from outside';
    if (status.name === 'TIMED_OUT') return 'its workflow timed out';
    return 'told';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'its workflow is gone from the server';
    throw error;
  }
}

async function tell(client: Client, session: string, child: SessionEntry, reason: string): Promise<void> {
  const summary = `lost: ${reason}`;
  const at = new Date().toISOString();
  const { label, run, workflowId, runId } = child;
  const signal: EndedSignal = {
    announcement: {
      id: `${label}@${run}:ended`,
      kind: 'failed',
      session,
      label,
      run,
      workflowId,
      runId,
      status: 'lost',
      summary,
      at,
    },
    entry: { ...child, status: 'lost', summary, endedAt: at },
  };
  await client.workflow.getHandle(sessionWorkflowId(session)).signal(SESSION.ended, signal);
}
