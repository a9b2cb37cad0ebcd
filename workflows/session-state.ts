/** What a session remembers, as plain data and pure operations: it travels whole through continue-as-new. */
import {
  byteLength,
  DEFAULT_RECEIVER,
  oneLine,
  type AcknowledgeSignal,
  type Announcement,
  type EndedSignal,
  type SessionEntry,
  type SpawnAnswer,
} from '../src/contract/index.ts';

/** An announcement with its place in the session's order. */
interface Posted {
  readonly seq: number;
  readonly announcement: Announcement;
}

/** Which announcements a receiver has: all up to `upTo`, and those in `also`. */
interface Acknowledged {
  upTo: number;
  also: number[];
}

/** Version 1 of what continue-as-new carries. */
export interface SessionState {
  readonly version: 1;
  live: Record<string, SessionEntry>;
  /** Newest last. */
  finished: SessionEntry[];
  finishedCount: number;
  /** How often each label was used. */
  runs: Record<string, number>;
  /** Recent spawn requests and their answers, oldest first: Temporal's own deduplication ends at continue-as-new. */
  requests: { readonly id: string; readonly answers: SpawnAnswer[] }[];
  outbox: Posted[];
  seq: number;
  receivers: Record<string, Acknowledged>;
}

/** Finished runs that stay readable through the session. About 500 bytes each. */
const MAX_FINISHED = 1_000;
const MAX_REQUESTS = 200;
/** Unacknowledged announcements that are carried whole. A continue-as-new input over 2 MB would terminate the session. */
const MAX_OUTBOX_BYTES = 900_000;

export function emptySession(): SessionState {
  return {
    version: 1,
    live: {},
    finished: [],
    finishedCount: 0,
    runs: {},
    requests: [],
    outbox: [],
    seq: 0,
    receivers: { [DEFAULT_RECEIVER]: { upTo: 0, also: [] } },
  };
}

export function rememberRequest(state: SessionState, id: string, answers: SpawnAnswer[]): void {
  state.requests.push({ id, answers });
  if (state.requests.length > MAX_REQUESTS) state.requests.shift();
}

/** Records the end of a run. Returns false for one that is not live (told twice, or of a run before). */
export function recordEnd(state: SessionState, { entry, announcement }: EndedSignal): boolean {
  const live = state.live[entry.label];
  if (!live || live.run !== entry.run) return false;
  delete state.live[entry.label];
  state.finished.push(entry);
  state.finishedCount++;
  if (state.finished.length > MAX_FINISHED) state.finished.shift();
  post(state, announcement);
  return true;
}

/** Adds an announcement, once for each id. */
export function post(state: SessionState, announcement: Announcement): void {
  if (state.outbox.some((posted) => posted.announcement.id === announcement.id)) return;
  state.outbox.push({ seq: ++state.seq, announcement });
}

/** What `receiver` has not acknowledged, oldest first. An unknown receiver has acknowledged nothing. */
export function unacknowledged(state: SessionState, receiver: string): Announcement[] {
  const { upTo, also } = state.receivers[receiver] ?? { upTo: 0, also: [] };
  return state.outbox
    .filter(({ seq }) => seq > upTo && !also.includes(seq))
    .map(({ announcement }) => announcement);
}

/** Registers the receiver, notes what it has, and forgets what every receiver has. */
export function acknowledge(state: SessionState, { receiver, ids = [], upTo }: AcknowledgeSignal): void {
  const known = (state.receivers[receiver] ??= {
    upTo: (state.outbox[0]?.seq ?? state.seq + 1) - 1,
    also: [],
  });
  const last =
    upTo === undefined ? 0 : (state.outbox.find(({ announcement }) => announcement.id === upTo)?.seq ?? 0);
  known.upTo = Math.max(known.upTo, last);
  for (const { seq, announcement } of state.outbox) if (ids.includes(announcement.id)) known.also.push(seq);
  known.also = known.also.filter((seq) => seq > known.upTo).sort((a, b) => a - b);
  while (known.also[0] === known.upTo + 1) known.upTo = known.also.shift() ?? known.upTo;
  const floor = Math.min(...Object.values(state.receivers).map((each) => each.upTo));
  state.outbox = state.outbox.filter(({ seq }) => seq > floor);
}

/** The state as continue-as-new carries it: within its budget, the oldest announcements summarised where it would burst. */
export function carried(state: SessionState): SessionState {
  let bytes = state.outbox.reduce((sum, posted) => sum + byteLength(JSON.stringify(posted)), 0);
  if (bytes <= MAX_OUTBOX_BYTES) return state;
  const outbox = [...state.outbox];
  const folded: Posted[] = [];
  while (bytes > MAX_OUTBOX_BYTES) {
    const oldest = outbox.shift();
    if (!oldest) break;
    bytes -= byteLength(JSON.stringify(oldest));
    folded.push(oldest);
  }
  const [first, last] = [folded[0], folded.at(-1)];
  if (!first || !last) return state;
  const names = folded.map(({ announcement }) => `${announcement.label} ${announcement.status}`).join(', ');
  const summary = oneLine(
    `${folded.length} older announcements, of ${first.announcement.at} to ${last.announcement.at}: ${names}`,
    280,
  );
  outbox.unshift({
    seq: last.seq,
    announcement: { ...last.announcement, kind: 'notice', id: `folded:${last.seq}`, summary },
  });
  return { ...state, outbox };
}

/** A run by label: the live one or the newest, or the one with that number. */
export function find(state: SessionState, label: string, run?: number): SessionEntry | null {
  const live = state.live[label];
  if (live && (run === undefined || run === live.run)) return live;
  return (
    state.finished.findLast((entry) => entry.label === label && (run === undefined || entry.run === run)) ??
    null
  );
}
