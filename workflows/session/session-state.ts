/** The memory of a session as plain data and pure operations; continue-as-new carries all of it. */
import {
  byteLength,
  DEFAULT_RECEIVER,
  isChain,
  type Announcement,
  type AuditEntry,
  type CleanedSignal,
  type EndedSignal,
  type HandoverView,
  type RunName,
  type SessionEntry,
  type SessionList,
  type SpawnAnswer,
} from '../../src/contract/index.ts';
import { ignoredSignalNotes, NO_IGNORED_SIGNALS, type IgnoredSignals } from '../shared/ignored-signals.ts';
import {
  countUnacknowledged,
  emptyOutbox,
  dropOldestPage,
  oldestPosted,
  post,
  type Outbox,
  type ArchivedPage,
} from './outbox.ts';

/** A spawn request with the answers it got. */
export interface AnsweredRequest {
  readonly id: string;
  /** Digest of the request (`requestDigest`). */
  readonly digest?: string | undefined;
  readonly answers: SpawnAnswer[];
}

/** The state that continue-as-new carries, version 1. */
export interface SessionState extends Outbox {
  readonly version: 1;
  live: Record<string, SessionEntry>;
  /** Newest last. */
  finished: SessionEntry[];
  finishedCount: number;
  /** How often each label was used. */
  runs: Record<string, number>;
  /** Recent spawn requests and their answers, oldest first: Temporal's own deduplication ends at continue-as-new. */
  requests: AnsweredRequest[];
  leftOut: IgnoredSignals;
}

/** Finished runs that stay readable through the session, about 500 bytes each. */
const MAX_FINISHED = 1_000;
const MAX_REQUESTS = 200;
/** Bytes that continue-as-new may carry; the server allows 2 MB. Old requests are dropped first, then finished runs. */
const MAX_CARRIED_BYTES = 1_700_000;
const MIN_REQUESTS = 20;

export function emptySession(): SessionState {
  return {
    version: 1,
    live: {},
    finished: [],
    finishedCount: 0,
    runs: {},
    requests: [],
    leftOut: NO_IGNORED_SIGNALS,
    ...emptyOutbox(),
  };
}

/** Remembers an answered request. The oldest one is dropped if there are too many. */
export function recordRequest(state: SessionState, request: AnsweredRequest): void {
  state.requests.push(request);
  if (state.requests.length > MAX_REQUESTS) state.requests.shift();
}

/**
 * The live run of this label. `Object.hasOwn`, because a label may have the name of an inherited property, such as
 * `constructor`.
 */
export const liveRun = ({ live }: SessionState, label: string): SessionEntry | undefined =>
  Object.hasOwn(live, label) ? live[label] : undefined;

/** How many runs this label has had. */
export const runsOf = ({ runs }: SessionState, label: string): number =>
  Object.hasOwn(runs, label) ? (runs[label] ?? 0) : 0;

/** Records a run that a chain has started, unless its end was recorded before. */
export function recordStart(state: SessionState, entry: SessionEntry): void {
  if (entry.run <= runsOf(state, entry.label)) return;
  state.runs[entry.label] = entry.run;
  state.live[entry.label] = entry;
}

/**
 * Records the end of a run. Returns false if the run is not live: its end was already recorded, or it is an earlier
 * run.
 */
export function recordEnd(state: SessionState, { entry, announcement }: EndedSignal): boolean {
  const live = liveRun(state, entry.label);
  // The end of a step may arrive before its chain has reported the start.
  const isNew = isOfLiveChain(state, entry.label) && entry.run > runsOf(state, entry.label);
  if (!isNew && live?.run !== entry.run) return false;
  if (isNew) state.runs[entry.label] = entry.run;
  delete state.live[entry.label];
  state.finished.push(entry);
  state.finishedCount++;
  if (state.finished.length > MAX_FINISHED) state.finished.shift();
  post(state, announcement);
  return true;
}

/** Records what was removed of a finished run, unless the session has forgotten the run. */
export function recordCleaned(state: SessionState, { label, run, cleaned }: CleanedSignal): void {
  changeFinished(state, { label, run }, (entry) => {
    const removed = [...new Set([...(entry.cleaned?.removed ?? []), ...cleaned.removed])];
    return { ...entry, cleaned: { at: cleaned.at, removed } };
  });
}

/** Records the last merge of a finished run, unless the session has forgotten the run. */
export function recordMerged(state: SessionState, run: RunName, merged: AuditEntry): void {
  changeFinished(state, run, (entry) => ({ ...entry, merged }));
}

function changeFinished(
  state: SessionState,
  { label, run }: RunName,
  change: (entry: SessionEntry) => SessionEntry,
): void {
  const at = state.finished.findLastIndex((entry) => entry.label === label && entry.run === run);
  const entry = state.finished[at];
  if (entry !== undefined) state.finished[at] = change(entry);
}

/**
 * Adopts the live entries of an earlier session of this name and returns those adopted. Run numbers continue from
 * theirs. An entry whose run is already known is skipped, because its end may have been recorded meanwhile.
 */
export function adoptOrphans(state: SessionState, orphans: readonly SessionEntry[]): SessionEntry[] {
  const adopted: SessionEntry[] = [];
  for (const orphan of [...orphans].sort((a, b) => b.run - a.run)) {
    const { label, run } = orphan;
    if (run <= runsOf(state, label)) continue;
    state.runs[label] = run;
    state.live[label] = orphan;
    adopted.push(orphan);
  }
  return adopted;
}

function isOfLiveChain({ live }: SessionState, label: string): boolean {
  return Object.values(live).some((entry) => isChain(entry) && label.startsWith(`${entry.label}.`));
}

/**
 * Makes the state small enough for continue-as-new, after `overflow` was archived: drops old requests, then finished
 * runs, and only then pages of announcements. Returns the pages that are no longer needed.
 */
export function fitToCarry(
  state: SessionState,
  notice: Omit<Announcement, 'id' | 'summary'>,
): ArchivedPage[] {
  const givenUp: ArchivedPage[] = [];
  for (;;) {
    const over = byteLength(JSON.stringify(state)) - MAX_CARRIED_BYTES;
    if (over <= 0) return givenUp;
    if (state.requests.length > MIN_REQUESTS) {
      state.requests = dropOldest(state.requests, over, state.requests.length - MIN_REQUESTS);
      continue;
    }
    if (state.finished.length > 0) {
      state.finished = dropOldest(state.finished, over, state.finished.length);
      continue;
    }
    const page = dropOldestPage(state, notice);
    if (!page) return givenUp;
    givenUp.push(page);
  }
}

/** `items` without the oldest, dropping as many as have `bytes` together, but at most `max`. */
function dropOldest<T>(items: readonly T[], bytes: number, max: number): T[] {
  let freed = 0;
  let count = 0;
  while (count < max && freed < bytes) freed += byteLength(JSON.stringify(items[count++]));
  return items.slice(count);
}

/** See `handoverView`. Returns a copy of the state, small enough to start the next run with. */
export function handover(
  state: SessionState,
  after: number,
  notice: Omit<Announcement, 'id' | 'summary'>,
): HandoverView {
  const { items, next } = oldestPosted(state.outbox, after);
  if (after > 0) return { announcements: items.map(({ announcement }) => announcement), next };
  const copy = JSON.parse(JSON.stringify({ ...state, outbox: items })) as SessionState;
  // Later announcements get new numbers.
  if (next !== null) copy.seq = next;
  fitToCarry(copy, notice);
  return { state: { ...copy }, announcements: [], next };
}

/** A run by label: the one with that number, or without a number the live or newest one. */
export function find(state: SessionState, label: string, run?: number): SessionEntry | null {
  const live = liveRun(state, label);
  if (live && (run === undefined || run === live.run)) return live;
  return (
    state.finished.findLast((entry) => entry.label === label && (run === undefined || entry.run === run)) ??
    null
  );
}

/** A Query answer may have 2 MB: finished entries may use what live entries and announcements leave of it. */
const MAX_LISTED_BYTES = 1_200_000;

/** All live entries, and the newest finished ones: at most `finished`, and only as many as fit into an answer. */
export function listOf(session: string, state: SessionState, finished: number): SessionList {
  const live = Object.values(state.live);
  let bytes = byteLength(JSON.stringify(live));
  const newest: SessionEntry[] = [];
  for (let at = state.finished.length - 1; at >= 0 && newest.length < finished; at--) {
    const entry = state.finished[at] as SessionEntry;
    bytes += byteLength(JSON.stringify(entry));
    if (bytes > MAX_LISTED_BYTES) break;
    newest.push(entry);
  }
  return {
    session,
    live,
    finished: newest,
    finishedCount: state.finishedCount,
    unacknowledged: countUnacknowledged(state, DEFAULT_RECEIVER),
    notes: ignoredSignalNotes(state.leftOut),
  };
}
