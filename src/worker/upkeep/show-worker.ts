/**
 * Shows this worker to clients: keeps its description in the memo of its workflow `worker/<id>`. An idle worker sends
 * nothing: that it is there shows in its polls.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import {
  boundedDescription,
  MAIN_QUEUE,
  WORKER,
  workerName,
  workerWorkflowId,
  type WorkerDescription,
} from '../../contract/index.ts';
import { isOpen } from '../../temporal/execution-status.ts';
import { repeat } from './repeat.ts';

/** Milliseconds between two looks at what has changed, which cost the server nothing. */
const LOOK_MS = 2_000;
/** At most one change of slots or disk in this time is sent, in milliseconds: a busy worker costs the server little. */
const SEND_MS = 60_000;
/** How often the workflow is looked for, in milliseconds: an operator may have terminated it. */
const VERIFY_MS = 10 * 60_000;
/** How long the end may take, in milliseconds: the server may be away. */
const END_MS = 2_000;
/** A change of free disk space counts if it is more than this share. */
const DISK_SHARE = 0.1;

/** A worker that is shown. */
export interface ShownWorker {
  /** Settles when the worker is shown, or the first attempt has failed. */
  readonly shown: Promise<void>;
  /** Ends the workflow: nobody expects the worker to be there any more. Never rejects. */
  end(): Promise<void>;
}

/**
 * Shows the worker until `end`. Does without while the server does not answer or does not allow it, and tries again.
 * @param describe never rejects
 */
export function showWorker(client: Client, describe: () => Promise<WorkerDescription>): ShownWorker {
  let run: { readonly workflowId: string; readonly runId: string } | undefined;
  let shown: WorkerDescription | undefined;
  let sentAt = -Infinity;
  let verifiedAt = performance.now();
  let isEnded = false;

  const begin = async (description: WorkerDescription): Promise<void> => {
    const { workerId, host } = description;
    const handle = await client.workflow.start(WORKER.workflow, {
      workflowId: workerWorkflowId(workerId),
      taskQueue: MAIN_QUEUE,
      args: [description],
      memo: { [WORKER.memo]: description },
      staticSummary: workerName(workerId, host),
      // The run of a life that was not ended in order.
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    });
    run = { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
    shown = description;
    verifiedAt = performance.now();
  };
  const handleOf = ({ workflowId, runId }: NonNullable<typeof run>) =>
    client.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: runId });

  const look = async (): Promise<void> => {
    const description = boundedDescription(await describe());
    if (isEnded) return;
    const now = performance.now();
    // The start of a run is under one key for as long as the run is open.
    if (run === undefined || shown === undefined || shown.key !== description.key) return begin(description);
    const change = changeOf(shown, description);
    if (change === 'lasting' || (change === 'passing' && now - sentAt >= SEND_MS)) {
      await handleOf(run).signal(WORKER.describe, description);
      shown = description;
      if (change === 'passing') sentAt = now;
    } else if (now - verifiedAt >= VERIFY_MS) {
      if (!isOpen((await handleOf(run).describe()).status.name)) run = undefined;
      verifiedAt = now;
    }
  };
  let first: (() => void) | undefined;
  const attempted = new Promise<void>((resolve) => (first = resolve));
  const looking = repeat(async () => {
    try {
      await look();
    } catch (error) {
      // It was terminated, or the server has another database. Other problems pass, or are the operator's decision.
      if (error instanceof WorkflowNotFoundError) run = undefined;
    }
    first?.();
  }, LOOK_MS);

  return {
    shown: attempted,
    async end() {
      isEnded = true;
      looking.stop();
      if (run === undefined) return;
      // Not by a signal: if this was the last worker, nobody would handle it.
      const ended = handleOf(run)
        .terminate('the worker was stopped')
        .catch(() => undefined);
      await Promise.race([ended, delay(END_MS, undefined, { ref: false })]);
    },
  };
}

/**
 * What a newer description says: nothing new, what changes all the time (`passing`: slots, disk), or what seldom does
 * (`lasting`: everything else).
 */
export function changeOf(
  before: WorkerDescription,
  after: WorkerDescription,
): 'none' | 'passing' | 'lasting' {
  const lasting = (description: WorkerDescription): string =>
    JSON.stringify({ ...description, freeBytes: 0, at: '', slots: after.slots });
  if (lasting(before) !== lasting(after)) return 'lasting';
  const moved = Math.abs(after.freeBytes - before.freeBytes) > before.freeBytes * DISK_SHARE;
  return moved || before.slots.inUse !== after.slots.inUse ? 'passing' : 'none';
}
