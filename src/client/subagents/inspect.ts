/** What the server itself knows of a subagent's workflow, without asking any worker. */
import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import { tsToDate } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import {
  SEARCH_ATTRIBUTES,
  workerOf,
  type LiveStatus,
  type ActivityProgress,
  type Status,
} from '../../contract/index.ts';
import { attributeOf, isOpen, statusOf } from '../../temporal/execution-status.ts';
import type { Link } from '../connection/link.ts';

/** A subagent's workflow as the server describes it. */
export interface Inspection {
  /** From the search attribute that the workflow keeps; else from how the workflow was closed. */
  readonly status: Status;
  readonly open: boolean;
  /** Details of the last heartbeat of a running turn, set-up or clone. */
  readonly progress?: ActivityProgress | undefined;
  /** ISO 8601: when the activity that its status stands for was asked for; absent where it waits for none. */
  readonly since?: string | undefined;
  /** Who has an activity of it, and when it last gave a sign of life. */
  readonly worker?: { readonly workerId: string; readonly heardAt: Date } | undefined;
  /** Its next decision, where that has not been made yet. */
  readonly task?: { readonly since: Date; readonly attempt: number } | undefined;
  readonly memo: Readonly<Record<string, unknown>>;
  readonly model?: string | undefined;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
}

/** Activities whose heartbeats say what a subagent is doing. */
const TELLING = new Set(['runTurn', 'setUpWorkspace', 'cloneRepository']);
/** The activities that a subagent of this status has under way. */
const ACTIVITIES_OF: Readonly<Partial<Record<Status, readonly string[]>>> = {
  queued: ['holdSlot'],
  preparing: ['prepareWorkspace', 'cloneRepository', 'setUpWorkspace'],
  working: ['runTurn'],
  verifying: ['collectEvidence', 'verifyCommit', 'pushBranch'],
  stopping: ['stopSubagent', 'collectEvidence'],
} satisfies Partial<Record<LiveStatus, readonly string[]>>;
const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;

/** One or two of a workflow's tasks may go with a worker that dies; more fail by themselves. */
export const MAX_TASK_ATTEMPTS = 3;

/** Whether the workflow fails at each try to go on, so that nothing that it is told has an effect. */
export async function isFailing(
  link: Link,
  run: { readonly workflowId: string; readonly runId?: string | undefined },
): Promise<boolean> {
  return ((await inspect(link, run))?.task?.attempt ?? 1) > MAX_TASK_ATTEMPTS;
}

/** Describes one run; `undefined` when the server does not know it (any more). */
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
  { raw }: WorkflowExecutionDescription,
): Promise<ActivityProgress | undefined> {
  const telling = raw.pendingActivities?.find(({ activityType }) => TELLING.has(activityType?.name ?? ''));
  const [progress] = await decodeArrayFromPayloads(
    link.client.options.loadedDataConverter,
    telling?.heartbeatDetails?.payloads,
  );
  return progress as ActivityProgress | undefined;
}

/** What is under way of it. */
function pendingOf(
  { raw: { pendingActivities, pendingWorkflowTask: task } }: WorkflowExecutionDescription,
  status: Status,
): Pick<Inspection, 'since' | 'worker' | 'task'> {
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
    worker: workers.sort((a, b) => b.heardAt.getTime() - a.heardAt.getTime())[0],
    task: task && taskSince ? { since: taskSince, attempt: task.attempt ?? 1 } : undefined,
  };
}

const dateOf = (time: Parameters<typeof tsToDate>[0] | null | undefined): Date | undefined =>
  time ? tsToDate(time) : undefined;
