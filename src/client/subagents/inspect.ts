/** Reads what the server itself knows about a subagent's workflow. Needs no worker. */
import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { tsToDate } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import {
  SEARCH_ATTRIBUTES,
  UnreadablePayload,
  workerOf,
  type LiveStatus,
  type ActivityProgress,
  type Status,
} from '../../contract/index.ts';
import { attributeOf, isOpen, statusOf } from '../../temporal/execution-status.ts';
import type { Link } from '../connection/link.ts';
import { firstValue } from './history.ts';

/** A subagent's workflow as the server describes it. */
export interface Inspection {
  /** From the search attribute that the workflow keeps; else from how the workflow was closed. */
  readonly status: Status;
  readonly open: boolean;
  /** Details of the last heartbeat of a running turn, set-up or clone. */
  readonly progress?: ActivityProgress | undefined;
  /** ISO 8601: when the pending activity that fits the status was scheduled; absent when there is none. */
  readonly since?: string | undefined;
  /** The queue in which it waits for a worker, while it is queued and none has it. */
  readonly waitsIn?: string | undefined;
  /** The worker that runs one of its activities, and when the server last heard from that worker. */
  readonly worker?: { readonly workerId: string; readonly heardAt: Date } | undefined;
  /** The pending workflow task, if there is one. */
  readonly task?: { readonly since: Date; readonly attempt: number } | undefined;
  readonly memo: Readonly<Record<string, unknown>>;
  readonly model?: string | undefined;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
}

/** Activities whose heartbeats say what a subagent is doing. */
const PROGRESS_ACTIVITIES = new Set(['runTurn', 'setUpWorkspace', 'cloneRepository']);
/** The activities that a subagent runs in each status. */
const ACTIVITIES_OF: Readonly<Partial<Record<Status, readonly string[]>>> = {
  queued: ['holdSlot', 'takeSubagent'],
  preparing: ['prepareWorkspace', 'cloneRepository', 'setUpWorkspace'],
  working: ['runTurn'],
  verifying: ['collectEvidence', 'verifyCommit', 'pushBranch'],
  stopping: ['stopSubagent', 'collectEvidence', 'saveWork'],
} satisfies Partial<Record<LiveStatus, readonly string[]>>;
const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;

/**
 * A workflow task may lose an attempt or two when its worker dies. After more attempts than this the workflow is
 * failing.
 */
export const MAX_TASK_ATTEMPTS = 3;

/** Whether the workflow fails at every attempt, so that signals and Updates have no effect. */
export async function isFailing(
  link: Link,
  run: { readonly workflowId: string; readonly runId?: string | undefined },
): Promise<boolean> {
  return ((await inspect(link, run))?.task?.attempt ?? 1) > MAX_TASK_ATTEMPTS;
}

/** Describes one run; `undefined` when the server does not have it (any more). */
export async function inspect(
  link: Link,
  run: { readonly workflowId: string; readonly runId?: string | undefined },
): Promise<Inspection | undefined> {
  const description = await link.call(`look at ${run.workflowId}`, async () => {
    try {
      return await link.client.workflow.getHandle(run.workflowId, run.runId).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  });
  if (description === undefined) return undefined;
  const status = statusOf(description);
  return {
    status,
    ...pendingOf(description, status),
    open: isOpen(description.status.name),
    progress: await progressOf(link, description),
    memo: description.memo ?? {},
    model: attributeOf(description, SEARCH_ATTRIBUTES.model),
    startedAt: description.startTime.toISOString(),
    endedAt: description.closeTime?.toISOString(),
  };
}

async function progressOf(
  link: Link,
  { raw, workflowId }: WorkflowExecutionDescription,
): Promise<ActivityProgress | undefined> {
  const reporting = raw.pendingActivities?.find(({ activityType }) =>
    PROGRESS_ACTIVITIES.has(activityType?.name ?? ''),
  );
  const owner = { workflowId, activityId: reporting?.activityId };
  const progress = await firstValue(link, owner, reporting?.heartbeatDetails);
  return progress instanceof UnreadablePayload ? undefined : (progress as ActivityProgress | undefined);
}

/** The pending activity and workflow task of a run. */
function pendingOf(
  { raw: { pendingActivities, pendingWorkflowTask: task } }: WorkflowExecutionDescription,
  status: Status,
): Pick<Inspection, 'since' | 'waitsIn' | 'worker' | 'task'> {
  const pending = pendingActivities ?? [];
  const [atWork] = pending.filter(({ activityType }) =>
    ACTIVITIES_OF[status]?.includes(activityType?.name ?? ''),
  );
  const workers = pending.flatMap(({ state, lastWorkerIdentity, lastHeartbeatTime, lastStartedTime }) => {
    const heardAt = dateOf(lastHeartbeatTime) ?? dateOf(lastStartedTime);
    if (state === PENDING_ACTIVITY_STATE_SCHEDULED || !lastWorkerIdentity || !heardAt) return [];
    return [{ workerId: workerOf(lastWorkerIdentity), heardAt }];
  });
  const taskSince = dateOf(task?.originalScheduledTime) ?? dateOf(task?.scheduledTime);
  return {
    since: dateOf(atWork?.scheduledTime)?.toISOString(),
    waitsIn:
      status === 'queued' && atWork?.state === PENDING_ACTIVITY_STATE_SCHEDULED
        ? (atWork.activityOptions?.taskQueue?.name ?? undefined)
        : undefined,
    worker: workers.sort((a, b) => b.heardAt.getTime() - a.heardAt.getTime())[0],
    task: task && taskSince ? { since: taskSince, attempt: task.attempt ?? 1 } : undefined,
  };
}

const dateOf = (time: Parameters<typeof tsToDate>[0] | null | undefined): Date | undefined =>
  time ? tsToDate(time) : undefined;
