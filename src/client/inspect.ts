/** What the server itself knows of a subagent's workflow, without asking any worker. */
import { WorkflowNotFoundError, type WorkflowExecutionDescription } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import { SEARCH_ATTRIBUTES, type Progress, type Status } from '../contract/index.ts';
import { attributeOf, isOpen, statusOf } from '../temporal/execution-status.ts';
import type { Link } from './link.ts';

/** A subagent's workflow as the server describes it. */
export interface Inspection {
  /** From the search attribute that the workflow keeps; else from how the workflow was closed. */
  readonly status: Status;
  readonly open: boolean;
  /** Details of the last heartbeat of a running turn, set-up or clone. */
  readonly progress?: Progress | undefined;
  readonly memo: Readonly<Record<string, unknown>>;
  readonly model?: string | undefined;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
}

/** Activities whose heartbeats say what a subagent is doing. */
const TELLING = new Set(['runTurn', 'setUpWorkspace', 'cloneRepository']);

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
    model: attributeOf(description, SEARCH_ATTRIBUTES.model),
    startedAt: description.startTime.toISOString(),
    endedAt: description.closeTime?.toISOString(),
  };
}

async function progressOf(link: Link, { raw }: WorkflowExecutionDescription): Promise<Progress | undefined> {
  const telling = raw.pendingActivities?.find(({ activityType }) => TELLING.has(activityType?.name ?? ''));
  const [progress] = await decodeArrayFromPayloads(
    link.client.options.loadedDataConverter,
    telling?.heartbeatDetails?.payloads,
  );
  return progress as Progress | undefined;
}
