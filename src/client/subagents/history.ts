/** Follows a workflow's history by long poll: the library receives everything that is pushed this way. */
import type { SerializationContext } from '@temporalio/common';
import { decodeFromPayloadsAtIndex } from '@temporalio/common/lib/internal-non-workflow/codec-helpers.js';
import type { temporal } from '@temporalio/proto';
import { isTransient } from '../errors.ts';
import { pause } from '../sessions/following.ts';
import { pages } from '../../temporal/pages.ts';
import type { Link } from '../connection/link.ts';

/** An event of a workflow's history. */
export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Payloads = temporal.api.common.v1.IPayloads;

/** The run to follow, and the event to start after. */
export interface HistoryPosition {
  readonly workflowId: string;
  readonly runId: string;
  /** Events up to and including this one are left out. */
  readonly afterEvent: number;
  /** Only the event that closes the run. */
  readonly onlyClose?: boolean | undefined;
}

/**
 * The server answers a long poll after about 20 s even when nothing happened (`history.longPollExpirationInterval`). A
 * call that is still open after this time, in milliseconds, counts as a lost connection.
 */
const LONG_POLL_MS = 60_000;
/** `temporal.api.enums.v1.HistoryEventFilterType` */
const EVENTS = { all: 1, close: 2 } as const;

/**
 * Yields the events of one run as they arrive, up to the last. The server sends a history from its first event on, so
 * events up to `afterEvent` are read and dropped.
 * @throws SubagentsError TEMPORAL_UNREACHABLE or TIMEOUT for a lost connection, LOST for a run the server does not
 * have; the reason of `signal` once `signal` is aborted.
 */
export async function* followHistory(
  link: Link,
  place: HistoryPosition,
  signal: AbortSignal,
): AsyncGenerator<HistoryEvent, void, undefined> {
  const history = pages((page) =>
    link.call(
      `follow ${place.workflowId}`,
      () =>
        link.client.workflowService.getWorkflowExecutionHistory({
          namespace: link.server.namespace,
          execution: { workflowId: place.workflowId, runId: place.runId },
          waitNewEvent: true,
          skipArchival: true,
          historyEventFilterType: place.onlyClose === true ? EVENTS.close : EVENTS.all,
          ...page,
        }),
      { timeoutMs: LONG_POLL_MS, signal },
    ),
  );
  for await (const { history: part } of history) {
    for (const event of part?.events ?? []) {
      if (Number(event.eventId) > place.afterEvent) yield event;
    }
  }
}

/** What a payload belongs to: a workflow, or one of its activities. An encrypted one can be read for nothing else. */
export interface PayloadOwner {
  readonly workflowId: string;
  readonly activityId?: string | null | undefined;
}

/** The first value in `payloads`, decoded with the client's data converter; `undefined` when there is none. */
export async function firstValue(
  link: Link,
  owner: PayloadOwner,
  payloads: Payloads | null | undefined,
): Promise<unknown> {
  const [payload] = payloads?.payloads ?? [];
  if (payload === undefined) return undefined;
  const { loadedDataConverter } = link.client.options;
  return decodeFromPayloadsAtIndex(loadedDataConverter, 0, [payload], contextOf(link, owner));
}

function contextOf(
  { server: { namespace } }: Link,
  { workflowId, activityId }: PayloadOwner,
): SerializationContext {
  return activityId
    ? { type: 'activity', namespace, workflowId, activityId, isLocal: false }
    : { type: 'workflow', namespace, workflowId };
}

/** The input of a workflow, decoded. @throws SubagentsError LOST for a workflow that the server does not have */
export async function firstInput(
  link: Link,
  execution: { readonly workflowId: string; readonly runId?: string },
  signal?: AbortSignal,
): Promise<unknown> {
  const { namespace } = link.server;
  const first = await link.call(
    `read ${execution.workflowId}`,
    () =>
      link.client.workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 }),
    { signal },
  );
  const started = first.history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  return firstValue(link, { workflowId: execution.workflowId }, started?.input);
}

/** Delay before a new try after a lost connection, in milliseconds. */
const RETRY_MS = 500;

/**
 * Yields the events of a run and of the runs that it continues as new, up to the last: each once, even across lost
 * connections.
 * @throws SubagentsError for an error that is not temporary; the reason of `signal` once `signal` is aborted.
 */
export async function* followToEnd(
  link: Link,
  run: Omit<HistoryPosition, 'afterEvent'>,
  signal: AbortSignal,
): AsyncGenerator<HistoryEvent, void, undefined> {
  let place: HistoryPosition = { ...run, afterEvent: 0 };
  for (;;) {
    let successor: string | null | undefined;
    try {
      for await (const event of followHistory(link, place, signal)) {
        place = { ...place, afterEvent: Number(event.eventId) };
        successor = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
        yield event;
      }
    } catch (error) {
      if (signal.aborted || !isTransient(error)) throw error;
      await pause(RETRY_MS, signal);
      continue;
    }
    if (!successor) return;
    place = { ...run, runId: successor, afterEvent: 0 };
  }
}
