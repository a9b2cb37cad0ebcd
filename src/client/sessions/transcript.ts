/** Reads a subagent's transcript. A short workflow reads Copilot's event log in pages; these come from its history. */
import { randomUUID } from 'node:crypto';
import {
  isFinal,
  MAIN_QUEUE,
  TRANSCRIPT,
  transcriptPage,
  transcriptWorkflowId,
  type TranscriptEntry,
  type TranscriptInput,
  type TranscriptPage,
} from '../../contract/index.ts';
import { requireView } from '../subagents/view.ts';
import { LostRunError } from '../errors.ts';
import { endableIterator, pause } from './following.ts';
import { firstValue, followToEnd } from '../subagents/history.ts';
import type { Link } from '../connection/link.ts';
import { awaitOutcome } from './outcomes.ts';
import type { KnownRun } from '../listing/runs.ts';
import type { TranscriptOptions } from '../types.ts';
import { workerAwayError, requireThisWorker } from '../connection/workers.ts';

/** Describes the worker in errors. */
const HOLDER = 'the worker that has the transcript';
/** The activity that returns the pages. */
const PAGE_ACTIVITY = 'readTranscript';
/**
 * How often a following reader signals that it is there, in milliseconds. After a minute without, the workflow ends.
 */
const READING_MS = 20_000;
/** How often a queued subagent is checked for a worker, in milliseconds. */
const QUEUED_MS = 1_000;
/** How long a read without `follow` may take. A page takes milliseconds, so a timeout means that the worker is away. */
const READ_TIMEOUT = '1 minute';

/** See `SubagentHandle.transcript`. */
export function readTranscript(
  link: Link,
  find: () => Promise<KnownRun>,
  { follow = false, signal: given }: TranscriptOptions,
): AsyncGenerator<TranscriptEntry, void, undefined> {
  link.requireOpen();
  return endableIterator([given, link.closed], async function* (signal) {
    const run = await find();
    const source = await findSource(link, run, follow, signal);
    if (source === undefined) return;
    let cursor = 0;
    const take = function* (page: TranscriptPage) {
      cursor = page.cursor;
      yield* page.entries;
    };
    if (follow) {
      const ended = whenEnded(link, run, signal);
      // The workflow ends when the reader was silent, for example on a machine that slept: it is started again.
      while (!ended.aborted) {
        for await (const page of untilAborted(
          pages(link, run, { ...source, follow, cursor }, ended),
          ended,
        )) {
          yield* take(page);
        }
      }
      signal.throwIfAborted();
    }
    for await (const page of pages(link, run, { ...source, follow: false, cursor }, signal))
      yield* take(page);
  });
}

type Source = Omit<TranscriptInput, 'follow' | 'cursor'>;

/** The worker that has the log; `undefined` when the subagent never had one. With `follow`, waits until it has one. */
async function findSource(
  link: Link,
  run: KnownRun,
  follow: boolean,
  signal: AbortSignal,
): Promise<Source | undefined> {
  for (;;) {
    const view = await requireView(link, run);
    if (view === undefined) {
      throw new LostRunError(
        `the server has deleted the history of ${run.label}@${run.run}, so the worker that has its transcript is unknown`,
        {
          entry: run,
        },
      );
    }
    const { workerId, copilotSessionId } = view;
    if (workerId !== undefined) {
      await requireThisWorker(link, workerId, HOLDER);
      return {
        subagentWorkflowId: run.workflowId,
        subagentRunId: run.runId,
        workerId,
        copilotSessionId,
        of: { label: run.label, run: run.run },
      };
    }
    if (!follow || isFinal(view.status)) return undefined;
    await pause(QUEUED_MS, signal);
  }
}

/** Aborted when the run has ended, or with `signal`. */
function whenEnded(link: Link, run: KnownRun, signal: AbortSignal): AbortSignal {
  const ended = new AbortController();
  const abort = (): void => ended.abort(new DOMException('The subagent has ended.', 'AbortError'));
  awaitOutcome(link, run, { signal }).then(abort, abort);
  return ended.signal;
}

async function* untilAborted<T>(items: AsyncGenerator<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Starts a transcript workflow and yields its pages. */
async function* pages(
  link: Link,
  { session, label }: KnownRun,
  input: TranscriptInput,
  signal: AbortSignal,
): AsyncGenerator<TranscriptPage, void, undefined> {
  const handle = await link.call(
    `read the transcript of ${label}`,
    () =>
      link.client.workflow.start(TRANSCRIPT.workflow, {
        workflowId: transcriptWorkflowId(session, label, randomUUID().slice(0, 8)),
        taskQueue: MAIN_QUEUE,
        args: [input],
        staticSummary: `transcript of ${label}${input.follow ? ', followed' : ''}`,
        ...(!input.follow && { workflowExecutionTimeout: READ_TIMEOUT }),
      }),
    { signal },
  );
  const stillReading = setInterval(() => {
    void link.call('read on', () => handle.signal(TRANSCRIPT.reading)).catch(() => undefined);
  }, READING_MS);
  let over = false;
  try {
    const run = { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
    /** Activity ids of the pages under way, by the event that scheduled them. */
    const reads = new Map<string, string>();
    for await (const event of followToEnd(link, run, signal)) {
      const {
        activityTaskScheduledEventAttributes: scheduled,
        activityTaskCompletedEventAttributes: completed,
      } = event;
      if (scheduled?.activityType?.name === PAGE_ACTIVITY)
        reads.set(String(event.eventId), scheduled.activityId ?? '');
      const activityId = completed && reads.get(String(completed.scheduledEventId));
      if (completed && activityId !== undefined) {
        reads.delete(String(completed.scheduledEventId));
        // An attempt that was lost with its worker is no page; the next attempt reads the same entries.
        const page = transcriptPage.safeParse(
          await firstValue(link, { ...run, activityId }, completed.result),
        );
        if (page.success) yield page.data;
      }
      const failed = event.workflowExecutionFailedEventAttributes?.failure;
      if (failed || event.workflowExecutionTimedOutEventAttributes)
        throw workerAwayError(link, input.workerId, HOLDER);
    }
    over = true;
  } finally {
    clearInterval(stillReading);
    if (!over) await link.call('stop reading', () => handle.cancel()).catch(() => undefined);
  }
}
