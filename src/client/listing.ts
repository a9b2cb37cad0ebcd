/** Lists of subagents: from their session, with what each is doing; without a worker, from the visibility store. */
import { isChain, isFinal, SESSION, type SessionList } from '../contract/index.ts';
import { absenceOf, WorkerLooks } from './absence.ts';
import { concurrently } from './concurrently.ts';
import { noWorker, serverName } from './errors.ts';
import { inspect } from './inspect.ts';
import type { Link } from './link.ts';
import { ask, isWorkerless } from './query.ts';
import { asked, type KnownRun } from './runs.ts';
import type {
  FleetList,
  FleetListOptions,
  ListOptions,
  ServerInfo,
  SessionListing,
  SubagentRow,
} from './types.ts';
import { readView } from './view.ts';
import { findOrphans, findRuns, findSessions, isSessionOpen } from './visibility.ts';

/** Finished subagents listed when the caller does not say how many; with `all`, every one a session keeps. */
const DEFAULT_FINISHED = 10;
const ALL_FINISHED = 1_000;
/** Live subagents a workerless list shows, at most. */
const MAX_LIVE_ROWS = 1_000;
/** One or two of a workflow's tasks may go with a worker that dies; more fail by themselves. */
const MAX_TASK_ATTEMPTS = 3;

/** See `SessionHandle.list`. */
export async function listSession(
  link: Link,
  session: string,
  options: ListOptions,
): Promise<SessionListing> {
  const [polled, open] = await Promise.all([link.hasPollers(), isSessionOpen(link, session)]);
  const list = await (polled ? listAsked : listWorkerless)(link, session, options);
  return open ? list : withOrphans(link, list, await liveOf(link, session));
}

/** See `Subagents.list`. */
export async function listFleet(link: Link, options: FleetListOptions): Promise<FleetList> {
  const { all = false, finished = all ? ALL_FINISHED : DEFAULT_FINISHED, progress } = options;
  const [found, polled] = await Promise.all([findSessions(link, { all }), link.hasPollers()]);
  const open = new Set(found.flatMap(({ session, open }) => (open ? [session] : [])));
  const orphans = await findOrphans(link, { open, max: MAX_LIVE_ROWS });
  const list = polled ? listAsked : listWorkerless;
  const names = [...new Set([...found.map(({ session }) => session), ...orphans.keys()])];
  const sessions = await concurrently(names, async (session) => {
    const listed = await list(link, session, { finished, progress });
    return open.has(session) ? listed : withOrphans(link, listed, orphans.get(session) ?? []);
  });
  const workerless = !polled || sessions.some((listing) => listing.workerless);
  const left = sessions.filter(({ live }) => live.some(({ orphan }) => orphan));
  return {
    server: link.server,
    sessions: sessions.sort((a, b) => a.session.localeCompare(b.session)),
    workerless,
    notes: [
      ...left.map(({ session, live }) => orphansNote(session, live.length)),
      ...(workerless ? [workerlessNote(link.server)] : []),
    ],
  };
}

async function listAsked(link: Link, session: string, options: ListOptions): Promise<SessionListing> {
  const { finished = DEFAULT_FINISHED, progress = true } = options;
  let list: SessionList | undefined;
  try {
    list = await ask<SessionList>(link, asked(session), SESSION.list, { finished });
  } catch (error) {
    // The server takes a worker that has just died for a live one.
    if (!isWorkerless(error)) throw error;
    return listWorkerless(link, session, options);
  }
  if (list === undefined) {
    const notes = [
      `there is no session "${session}" at ${serverName(link.server)} yet: its first spawn starts it`,
    ];
    return listing(link, session, { notes, unacknowledged: 0 });
  }
  const live = list.live.map((entry) => ({ ...entry, session }));
  return listing(link, session, {
    live: progress ? await withProgress(link, live, { asking: true }) : await withStatus(link, session, live),
    finished: list.finished.map((entry) => ({ ...entry, session })),
    finishedCount: list.finishedCount,
    unacknowledged: list.unacknowledged,
  });
}

/**
 * The session knows who is live; what each is doing, its workflow and its heartbeats know.
 * @param asking whether somebody can be asked; else what the server itself knows must do
 */
function withProgress(
  link: Link,
  runs: readonly KnownRun[],
  { asking }: { asking: boolean },
): Promise<SubagentRow[]> {
  const workers = new WorkerLooks(link);
  return concurrently(runs, async (run) => {
    const inspected = await inspect(link, run);
    if (inspected === undefined) return run;
    const { status, progress, model = run.model, task } = inspected;
    const away = await absenceOf(inspected, workers, asking);
    // Who waits for nothing that the server knows of (an answer, its model) says itself since when.
    const known = progress?.since ?? inspected.since;
    const tries = task?.attempt ?? 1;
    const ask = known === undefined && asking && !away && tries === 1 && !isChain(run);
    const since = ask ? await sinceOf(link, run) : known;
    return {
      ...run,
      status,
      ...(since !== undefined && { since }),
      ...(away && { away }),
      ...(asking && tries > MAX_TASK_ATTEMPTS && { failing: true }),
      ...(model !== undefined && { model }),
      ...(progress && { progress }),
    };
  });
}

async function sinceOf(link: Link, run: KnownRun): Promise<string | undefined> {
  try {
    const view = await readView(link, run);
    return view === 'workerless' ? undefined : view?.since;
  } catch {
    // A workflow that fails cannot be asked, and is listed all the same.
    return undefined;
  }
}

/** The same without heartbeats, from one look into the visibility store. */
async function withStatus(link: Link, session: string, live: readonly KnownRun[]): Promise<SubagentRow[]> {
  const listed = await findRuns(link, { session, onlyOpen: true, max: MAX_LIVE_ROWS });
  const statuses = new Map(listed.map(({ runId, status }) => [runId, status]));
  return live.map((run) => ({ ...run, status: statuses.get(run.runId) ?? run.status }));
}

async function listWorkerless(
  link: Link,
  session: string,
  { finished = DEFAULT_FINISHED }: ListOptions,
): Promise<SessionListing> {
  const runs = await findRuns(link, { session, max: MAX_LIVE_ROWS + finished });
  const live = runs.filter(({ status }) => !isFinal(status)).reverse();
  const ended = runs.filter(({ status }) => isFinal(status));
  return listing(link, session, {
    live: await withProgress(link, live, { asking: false }),
    finished: ended.slice(0, finished),
    finishedCount: ended.length,
    unacknowledged: null,
    workerless: true,
    notes: [workerlessNote(link.server)],
  });
}

/** The list of a session that has ended: what it said of live ones is old; those that live on are orphans. */
async function withOrphans(
  link: Link,
  list: SessionListing,
  orphans: readonly KnownRun[],
): Promise<SessionListing> {
  const rows = await withProgress(link, orphans, { asking: !list.workerless });
  const live = rows.map((row) => ({ ...row, orphan: true }));
  if (live.length === 0) return { ...list, live };
  return { ...list, live, notes: [...list.notes, orphansNote(list.session, live.length)] };
}

async function liveOf(link: Link, session: string): Promise<KnownRun[]> {
  const runs = await findRuns(link, { session, onlyOpen: true, max: MAX_LIVE_ROWS });
  return runs.reverse();
}

/** What a list says of subagents without a session. */
function orphansNote(session: string, count: number): string {
  const [them, they] =
    count === 1 ? ['a subagent of it lives', 'it'] : [`${count} subagents of it live`, 'them'];
  return `session "${session}" has ended, but ${them} on: a new session of that name takes ${they} over (the next spawn starts it), or kill ${they}`;
}

function listing(link: Link, session: string, parts: Partial<SessionListing>): SessionListing {
  return {
    session,
    server: link.server,
    live: [],
    finished: [],
    finishedCount: 0,
    unacknowledged: null,
    workerless: false,
    notes: [],
    ...parts,
  };
}

/** What a list without a worker says. */
export function workerlessNote(server: ServerInfo): string {
  const { message, remedy } = noWorker(server);
  return `${message}: nothing moves, and the list is what the server last knew. ${remedy ?? ''}`;
}
