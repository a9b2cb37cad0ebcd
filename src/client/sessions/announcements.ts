/** Receives the announcements of a session: first all that are unacknowledged, then new ones from its history. */
import { z } from 'zod';
import {
  announcement as announcementSchema,
  announceSignal,
  endedSignal,
  pageInput,
  SESSION,
  signalOf,
  sessionWorkflowId,
  unacknowledgedView,
  UnreadablePayload,
  type Announcement,
  type PageView,
  type UnacknowledgedView,
} from '../../contract/index.ts';
import { Acknowledger, sendAcknowledgement } from './acknowledger.ts';
import { concurrently } from '../connection/concurrency.ts';
import { isNotFound, isTransient, unreadableAnswer } from '../errors.ts';
import { endableIterator, pause } from './following.ts';
import { firstInput, firstValue, followHistory, type HistoryEvent } from '../subagents/history.ts';
import type { Link } from '../connection/link.ts';
import type { AnnouncementOptions, ReceivedAnnouncement } from '../types.ts';

/** Delay between two tries, in milliseconds: doubles from `first` to `last`. */
const BACKOFF_MS = { first: 100, last: 2_000 };
/** Number of announcements remembered to drop repetitions: more than a session keeps unacknowledged. */
const REMEMBERED = 20_000;

const loose = { announcements: z.array(z.unknown()) };
const looseView = unacknowledgedView.extend(loose);
const looseInput = pageInput.extend(loose);

/** See `SessionHandle.announcements`. */
export function receiveAnnouncements(
  link: Link,
  session: string,
  options: AnnouncementOptions & { readonly receiver: string },
): AsyncGenerator<ReceivedAnnouncement, void, undefined> {
  const { receiver } = options;
  link.requireOpen();
  return endableIterator([options.signal, link.closed], async function* (signal) {
    const acknowledger = new Acknowledger(link, session, receiver, signal);
    try {
      for await (const item of announcements(link, session, receiver, options, signal)) {
        const acknowledge = () => sendAcknowledgement(link, session, receiver, [item.id]);
        yield { ...item, acknowledge };
        if (options.acknowledge !== 'manual') acknowledger.add(item.id);
      }
    } finally {
      await acknowledger.settled();
    }
  });
}

/** All announcements that a receiver has not acknowledged, as of a place in the session's history. */
export type Unacknowledged = Pick<UnacknowledgedView, 'announcements' | 'runId' | 'historyLength'>;

/**
 * Reads the announcements that `receiver` has not acknowledged; `undefined` while there is no such session. The first
 * read registers the receiver: from then on the session keeps announcements for it that others have acknowledged.
 */
export async function readUnacknowledged(
  link: Link,
  session: string,
  receiver: string,
  signal?: AbortSignal,
): Promise<Unacknowledged | undefined> {
  for (;;) {
    let first = await readView(link, session, [receiver], signal);
    if (first?.known === false) {
      // Read again: the session did not keep what all others acknowledged before the registration.
      await sendAcknowledgement(link, session, receiver, []);
      first = await readView(link, session, [receiver], signal);
    }
    if (first === undefined) return undefined;
    const { runId, historyLength } = first;
    const announcements = (await concurrently(first.pages, (page) => readPage(link, page, signal))).flat();
    announcements.push(...first.announcements);
    let part: UnacknowledgedView | undefined = first;
    while (part !== undefined && part.next !== null && part.runId === runId) {
      part = await readView(link, session, [receiver, part.next], signal);
      announcements.push(...(part?.announcements ?? []));
    }
    // The session continued as new meanwhile: the next announcements may be in a page by now, so start over.
    if (part?.runId === runId) return { announcements, runId, historyLength };
  }
}

async function readView(
  link: Link,
  session: string,
  args: [string, number?],
  signal: AbortSignal | undefined,
): Promise<UnacknowledgedView | undefined> {
  const make = async (): Promise<UnacknowledgedView | undefined> => {
    try {
      const handle = link.client.workflow.getHandle(sessionWorkflowId(session));
      const view: unknown = await handle.query(SESSION.unacknowledged, ...args);
      if (view instanceof UnreadablePayload)
        throw unreadableAnswer(view, `what session ${session} has to tell`);
      const { announcements, ...rest } = looseView.parse(view);
      return { ...rest, announcements: readable(announcements) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return link.call(`read the announcements of session ${session}`, make, { signal });
}

/** The announcements of a page with the wanted ids. A page is the input of a workflow. */
async function readPage(
  link: Link,
  { workflowId, ids }: PageView,
  signal: AbortSignal | undefined,
): Promise<Announcement[]> {
  const input = await firstInput(link, { workflowId }, signal);
  const { announcements } = looseInput.parse(input);
  const wanted = new Set(ids);
  return readable(announcements).filter(({ id }) => wanted.has(id));
}

/** Drops malformed announcements: anyone may signal a session. */
const readable = (items: readonly unknown[]): Announcement[] =>
  items.flatMap((item) => announcementSchema.safeParse(item).data ?? []);

async function* announcements(
  link: Link,
  session: string,
  receiver: string,
  { once = false, onReconnect }: AnnouncementOptions,
  signal: AbortSignal,
): AsyncGenerator<Announcement, void, undefined> {
  const seen = new Recent(REMEMBERED);
  let ended: string | undefined;
  for (let backoff = BACKOFF_MS.first; ; backoff = Math.min(backoff * 2, BACKOFF_MS.last)) {
    try {
      // The session does not exist, or has ended: wait for the next one of that name.
      const newest = await newestRun(link, session, signal);
      const view =
        newest === undefined || newest.runId === ended
          ? undefined
          : await readUnacknowledged(link, session, receiver, signal);
      for (const item of view?.announcements ?? []) if (seen.add(item)) yield item;
      if (once) return;
      if (view !== undefined) {
        const run = { workflowId: sessionWorkflowId(session), runId: view.runId };
        // After a refused Update, the session's own count includes events that the server has dropped.
        const afterEvent =
          newest?.runId === view.runId ? Math.min(view.historyLength, newest.historyLength) : 0;
        for await (const event of followHistory(link, { ...run, afterEvent }, signal)) {
          backoff = BACKOFF_MS.first;
          const item = await announcementIn(link, run.workflowId, event);
          if (item !== undefined && seen.add(item)) yield item;
        }
        // This run is over; after a continue-as-new its successor is there already.
        ended = view.runId;
        continue;
      }
    } catch (error) {
      if (signal.aborted || once || !(isTransient(error) || isNotFound(error))) throw error;
      onReconnect?.(error);
    }
    await pause(backoff, signal);
  }
}

/** The newest run of the session from the server; undefined when there is none. */
async function newestRun(
  link: Link,
  session: string,
  signal: AbortSignal,
): Promise<{ readonly runId: string; readonly historyLength: number } | undefined> {
  const handle = link.client.workflow.getHandle(sessionWorkflowId(session));
  try {
    return await link.call(`look at session ${session}`, () => handle.describe(), { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The announcement in `event`, if that is an `ended` or `announce` signal; `undefined` for all other events. */
async function announcementIn(
  link: Link,
  workflowId: string,
  event: HistoryEvent,
): Promise<Announcement | undefined> {
  const signal = event.workflowExecutionSignaledEventAttributes;
  const name = signalOf(signal?.signalName ?? '');
  const schema =
    name === SESSION.ended ? endedSignal : name === SESSION.announce ? announceSignal : undefined;
  if (schema === undefined) return undefined;
  // A malformed signal (anyone may send one) is ignored, as the session does.
  return schema.safeParse(await firstValue(link, { workflowId }, signal?.input)).data?.announcement;
}

/** Remembers the newest `capacity` announcements by id and run: a new session of the same name starts its ids anew. */
class Recent {
  readonly #keys = new Set<string>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Remembers the announcement. @returns whether it is new */
  add({ id, runId }: Announcement): boolean {
    const key = `${id} ${runId}`;
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    if (this.#keys.size > this.#capacity) {
      const [oldest] = this.#keys;
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    return true;
  }
}
