/** Finds the worker of a subagent in the workflow's history, which also works when no worker answers Queries. */
import { signalOf, SUBAGENT, workerOfQueue } from '../../contract/index.ts';
import { isNotFound } from '../errors.ts';
import { firstValue, type HistoryEvent } from '../subagents/history.ts';
import { pages } from '../../temporal/pages.ts';
import type { Link } from './link.ts';
import type { KnownRun } from '../listing/runs.ts';

const PAGE = 200;

/** Id of the worker that holds or last held the run, or that the run waits for; undefined when it never had one. */
export async function holderOf(link: Link, run: KnownRun): Promise<string | undefined> {
  const { namespace } = link.server;
  const execution = { workflowId: run.workflowId, runId: run.runId };
  const backwards = pages((page) =>
    link.call(`look for the worker of ${run.label}`, async () => {
      try {
        return await link.client.workflowService.getWorkflowExecutionHistoryReverse({
          namespace,
          execution,
          maximumPageSize: PAGE,
          ...page,
        });
      } catch (error) {
        if (isNotFound(error)) return { history: undefined, nextPageToken: undefined };
        throw error;
      }
    }),
  );
  for await (const { history } of backwards) {
    for (const event of history?.events ?? []) {
      const workerId = await workerIn(link, run.workflowId, event);
      if (workerId !== undefined) return workerId;
    }
  }
  return undefined;
}

async function workerIn(link: Link, workflowId: string, event: HistoryEvent): Promise<string | undefined> {
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal && signalOf(signal.signalName ?? '') === SUBAGENT.slotGranted) {
    const placed = (await firstValue(link, { workflowId }, signal.input).catch(() => undefined)) as
      { readonly workerId?: unknown } | undefined;
    return typeof placed?.workerId === 'string' ? placed.workerId : undefined;
  }
  // A continued run waits on the queue of the previous run's worker.
  return workerOfQueue(event.activityTaskScheduledEventAttributes?.taskQueue?.name ?? '');
}
