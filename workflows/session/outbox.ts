/**
 * Announcements of a session that not every receiver has acknowledged: plain data and pure operations, oldest first.
 */
import {
  byteLength,
  DEFAULT_RECEIVER,
  oneLine,
  MAX_SUMMARY_CHARS,
  type AcknowledgeSignal,
  type Announcement,
  type PageView,
} from '../../src/contract/index.ts';

/** An announcement with its sequence number in the session. */
export interface Posted {
  readonly seq: number;
  readonly announcement: Announcement;
}

/** What a receiver has acknowledged: all announcements up to `upTo`, and those in `also`. */
interface Acknowledged {
  upTo: number;
  also: number[];
}

/** Consecutive announcements, from number `first` on, that were moved to a workflow of their own. */
export interface ArchivedPage {
  readonly workflowId: string;
  readonly first: number;
  readonly ids: readonly string[];
}

/** Announcements, their pages, and what each receiver has acknowledged. */
export interface Outbox {
  /** The newest announcements, with consecutive numbers that follow on the last page. */
  outbox: Posted[];
  /** Oldest first. */
  pages: ArchivedPage[];
  seq: number;
  receivers: Record<string, Acknowledged>;
}

/**
 * Bytes of announcements that continue-as-new carries. The server terminates a session whose whole input exceeds 2 MB.
 */
const MAX_CARRIED_BYTES = 300_000;
/** Bytes of announcements in one page, which is the input of a workflow. */
const MAX_PAGE_BYTES = 900_000;
/** Bytes of announcements in one Query answer, which may have 2 MB including the ids of all pages. */
const MAX_ANSWER_BYTES = 800_000;

export function emptyOutbox(): Outbox {
  return { outbox: [], pages: [], seq: 0, receivers: { [DEFAULT_RECEIVER]: { upTo: 0, also: [] } } };
}

/** Adds an announcement, unless one with the same id is present. */
export function post(box: Outbox, announcement: Announcement): void {
  const { id } = announcement;
  if (box.outbox.some((posted) => posted.announcement.id === id)) return;
  if (box.pages.some((page) => page.ids.includes(id))) return;
  box.outbox.push({ seq: ++box.seq, announcement });
}

/** Number of announcements that `receiver` has not acknowledged. */
export function countUnacknowledged(box: Outbox, receiver: string): number {
  const missing = missingOf(box, receiver);
  return ids(box).filter(({ seq }) => missing(seq)).length;
}

/**
 * What `receiver` has not acknowledged, oldest first: the ids of announcements in pages (only if `after` is 0), and
 * announcements with a number above `after`, as many as one answer holds. An unknown receiver has acknowledged nothing.
 */
export function unacknowledged(
  box: Outbox,
  receiver: string,
  after = 0,
): { pages: PageView[]; announcements: Announcement[]; next: number | null; known: boolean } {
  const missing = missingOf(box, receiver);
  const { items, next } = oldestPosted(
    box.outbox.filter(({ seq }) => missing(seq)),
    after,
  );
  const announcements = items.map(({ announcement }) => announcement);
  const pages = after > 0 ? [] : box.pages.map((page) => viewOf(page, missing));
  return {
    pages: pages.filter(({ ids }) => ids.length > 0),
    announcements,
    next,
    known: registered(box, receiver) !== undefined,
  };
}

/**
 * The oldest announcements above `after`, as many as one answer holds. `next` is the number of the last one if there
 * are more.
 */
export function oldestPosted(
  posted: readonly Posted[],
  after: number,
): { items: Posted[]; next: number | null } {
  const items: Posted[] = [];
  let bytes = 0;
  for (const each of posted) {
    if (each.seq <= after) continue;
    bytes += sizeOf(each);
    if (bytes > MAX_ANSWER_BYTES && items.length > 0) return { items, next: items.at(-1)?.seq ?? null };
    items.push(each);
  }
  return { items, next: null };
}

function viewOf({ workflowId, first, ids }: ArchivedPage, missing: (seq: number) => boolean): PageView {
  return { workflowId, ids: ids.filter((_, index) => missing(first + index)) };
}

/**
 * Registers the receiver, records what it acknowledges, and drops what every receiver has. Returns the pages that are
 * no longer needed.
 */
export function recordAcknowledgement(
  box: Outbox,
  { receiver, ids: given = [], upTo }: AcknowledgeSignal,
): ArchivedPage[] {
  const known =
    registered(box, receiver) ??
    (box.receivers[receiver] = { upTo: (ids(box)[0]?.seq ?? box.seq + 1) - 1, also: [] });
  const wanted = new Set(given);
  for (const { seq, id } of ids(box)) {
    if (id === upTo) known.upTo = Math.max(known.upTo, seq);
    if (wanted.has(id)) known.also.push(seq);
  }
  known.also = [...new Set(known.also)].filter((seq) => seq > known.upTo).sort((a, b) => a - b);
  while (known.also[0] === known.upTo + 1) known.upTo = known.also.shift() ?? known.upTo;
  const floor = Math.min(...Object.values(box.receivers).map((each) => each.upTo));
  box.outbox = box.outbox.filter(({ seq }) => seq > floor);
  const read = box.pages.filter((page) => page.first + page.ids.length - 1 <= floor);
  if (read.length > 0) box.pages = box.pages.filter((page) => !read.includes(page));
  return read;
}

/**
 * The oldest announcements that continue-as-new cannot carry, as the next page; empty if it can carry all that remain.
 */
export function overflow({ outbox }: Outbox): Posted[] {
  const sizes = outbox.map(sizeOf);
  let left = sizes.reduce((sum, size) => sum + size, 0);
  const items: Posted[] = [];
  let bytes = 0;
  for (const [index, posted] of outbox.entries()) {
    const size = sizes[index] ?? 0;
    if (left <= MAX_CARRIED_BYTES || bytes + size > MAX_PAGE_BYTES) break;
    left -= size;
    bytes += size;
    items.push(posted);
  }
  return items;
}

/** Records that the oldest announcements are now in a page. */
export function archive(box: Outbox, workflowId: string, items: readonly Posted[]): void {
  const [first] = items;
  if (!first) return;
  box.outbox = box.outbox.slice(items.length);
  box.pages = [
    ...box.pages,
    { workflowId, first: first.seq, ids: items.map(({ announcement }) => announcement.id) },
  ];
}

/**
 * Drops the oldest page and posts a notice about it. The last resort, far beyond what a main agent usually leaves
 * unread.
 * @returns the dropped page; undefined if there is none
 */
export function dropOldestPage(
  box: Outbox,
  notice: Omit<Announcement, 'id' | 'summary'>,
): ArchivedPage | undefined {
  const [page, ...rest] = box.pages;
  if (!page) return undefined;
  box.pages = rest;
  const summary = `${page.ids.length} old unread announcements were dropped, from ${page.ids[0]} to ${page.ids.at(-1)}; \`list --all\` shows how the newest subagents ended`;
  post(box, { ...notice, id: `given-up:${page.first}`, summary: oneLine(summary, MAX_SUMMARY_CHARS) });
  return page;
}

/**
 * What a registered receiver has acknowledged. A receiver may have the name of an inherited property, such as
 * `constructor`.
 */
function registered({ receivers }: Outbox, name: string): Acknowledged | undefined {
  return Object.hasOwn(receivers, name) ? receivers[name] : undefined;
}

function missingOf(box: Outbox, receiver: string): (seq: number) => boolean {
  const { upTo, also } = registered(box, receiver) ?? { upTo: 0, also: [] };
  const have = new Set(also);
  return (seq) => seq > upTo && !have.has(seq);
}

function ids({ pages, outbox }: Outbox): { seq: number; id: string }[] {
  return [
    ...pages.flatMap((page) => page.ids.map((id, index) => ({ seq: page.first + index, id }))),
    ...outbox.map(({ seq, announcement }) => ({ seq, id: announcement.id })),
  ];
}

const sizeOf = (posted: Posted): number => byteLength(JSON.stringify(posted)) + 1;
