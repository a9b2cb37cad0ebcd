/** What the server itself knows of a subagent's workflow, without asking any worker. */
import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import {
  isFinal,
  SEARCH_ATTRIBUTES,
  status as statusSchema,
  type FinalStatus,
  type Progress,
  type Status,
} from '../contract/index.ts';
import type { Link } from './link.ts';

/** A subagent's workflow as the server describes it. */
export interface Inspection {
  /** From the search attribute that the workflow keeps; else from how the workflow was closed. */
  readonly status: Status;
  readonly open: boolean;
  /** Details of the last heartbeat of a running turn or set-up. */
  readonly progress?: Progress | undefined;
  readonly memo: Readonly<Record<string, unknown>>;
  readonly model?: string | undefined;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
}

/** Activities whose heartbeats say what a subagent is doing. */
const TELLING = new Set(['runTurn', 'setUpWorkspace']);

/** How a workflow that was closed without a last word of its own ended, for us. */
const CLOSED_AS: Readonly<Record<string, FinalStatus>> = {
  COMPLETED: 'done',
  FAILED: 'failed',
  CANCELLED: 'killed',
  TIMED_OUT: 'lost',
  TERMINATED: 'lost',
};

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
  return {
    status: statusOf(description),
    open: isOpen(description.status.name),
    progress: await progressOf(link, description),
    memo: description.memo ?? {},
    model: attribute(description, SEARCH_ATTRIBUTES.model),
    startedAt: description.startTime.toISOString(),
    endedAt: description.closeTime?.toISOString(),
  };
}

/** What `executionStatus` and search attributes, of a description or a visibility row, say together. */
export function statusOf(
  execution: Pick<WorkflowExecutionDescription, 'status' | 'searchAttributes'>,
): Status {
  const kept = statusSchema.safeParse(attribute(execution, SEARCH_ATTRIBUTES.status)).data;
  const closedAs = CLOSED_AS[execution.status.name];
  if (closedAs === undefined) return kept ?? 'queued';
  // A workflow that was ended from outside could not change its attribute any more.
  return kept !== undefined && isFinal(kept) && closedAs !== 'lost' ? kept : closedAs;
}

/** Whether a workflow of this execution status goes on. */
export function isOpen(statusName: string): boolean {
  return !(statusName in CLOSED_AS);
}

/** The first value of a keyword search attribute. */
function attribute(
  execution: Pick<WorkflowExecutionDescription, 'searchAttributes'>,
  name: string,
): string | undefined {
  const [value] = execution.searchAttributes[name] ?? [];
  return typeof value === 'string' ? value : undefined;
}

async function progressOf(link: Link, { raw }: WorkflowExecutionDescription): Promise<Progress | undefined> {
  const telling = raw.pendingActivities?.find(({ activityType }) => TELLING.has(activityType?.name ?? ''));
  const [progress] = await decodeArrayFromPayloads(
    link.client.options.loadedDataConverter,
    telling?.heartbeatDetails?.payloads,
  );
  return progress as Progress | undefined;
}
