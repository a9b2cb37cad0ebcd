/** What a session has to tell and not everybody has acknowledged: plain data and pure operations, oldest first. */
import {
  byteLength,
  DEFAULT_RECEIVER,
  oneLine,
  MAX_SUMMARY_CHARS,
  type AcknowledgeSignal,
  type Announcement,
  type PageView,
} from '../../src/contract/index.ts';

/** An announcement with its place in the session's order. */
export interface Posted {
  readonly seq: number;
  readonly announcement: Announcement;
}

/** Which announcements a receiver has: all up to `upTo`, and those in `also`. */
interface Acknowledged {
  upTo: number;
  also: number[];
}

/** Announcements that were put aside into a workflow of their own: those from `first` on, without a gap. */
export interface ArchivedPage {
  readonly workflowId: string;
  readonly first: number;
  readonly ids: readonly string[];
}

export interface Outbox {
  /** The newest. Without a gap, also to the last page. */
  outbox: Posted[];
  /** Oldest first. */
  pages: ArchivedPage[];
  seq: number;
  receivers: Record<string, Acknowledged>;
}

/** Announcements that continue-as-new carries itself. Its whole input may have 2 MB, or the server terminates the session. */
const MAX_CARRIED_BYTES = 300_000;
/** Those of one page, which is the input of a workflow. */
const MAX_PAGE_BYTES = 900_000;
/** Those in one answer of a Query, which may have 2 MB with the ids of all pages. */
const MAX_ANSWER_BYTES = 800_000;

export function emptyOutbox(): Outbox {
  return { outbox: [], pages: [], seq: 0, receivers: { [DEFAULT_RECEIVER]: { upTo: 0, also: [] } } };
}

/** Adds an announcement, once for each id. */
export function post(box: Outbox, announcement: Announcement): void {
  const { id } = announcement;
  if (box.outbox.some((posted) => posted.announcement.id === id)) return;
  if (box.pages.some((page) => page.ids.includes(id))) return;
  box.outbox.push({ seq: ++box.seq, announcement });
}

/** How many announcements `receiver` has not acknowledged. */
export function countUnacknowledged(box: Outbox, receiver: string): number {
  const missing = missingOf(box, receiver);
  return ids(box).filter(({ seq }) => missing(seq)).length;
}

/**
 * What `receiver` has not acknowledged, oldest first: ids of what lies in pages, then announcements with a place after
 * `after`, as many as one answer holds. An unknown receiver has acknowledged nothing.
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

/** The oldest announcements, as many as one answer holds; `next` is the place of the last where there are more. */
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

/** Registers the receiver, notes what it has, and forgets what every receiver has. Gives the pages that are not needed any more. */
export function acknowledge(
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

/** The oldest announcements that continue-as-new cannot carry, as the next page; nothing where it can carry what is left. */
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

/** Notes that the oldest announcements lie in a page from now on. */
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
 * The last resort, far beyond what a main agent leaves unread: the oldest page is given up, and a notice says so.
 * Gives the page, or nothing where there is none.
 */
export function dropOldestPage(
  box: Outbox,
  notice: Omit<Announcement, 'id' | 'summary'>,
): ArchivedPage | undefined {
  const [page, ...rest] = box.pages;
  if (!page) return undefined;
  box.pages = rest;
  const summary = `${page.ids.length} announcements that nobody had read for long were given up, from ${page.ids[0]} to ${page.ids.at(-1)}; \`list --all\` has what became of the newest`;
  post(box, { ...notice, id: `given-up:${page.first}`, summary: oneLine(summary, MAX_SUMMARY_CHARS) });
  return page;
}

/** What a registered receiver has; one may be called like something that every object has. */
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
