/** Lists subagents from their sessions, with what each is doing; without a worker, from the visibility store. */
import {
  isChain,
  isFinal,
  SESSION,
  SubagentsError,
  type SessionList,
  type FleetList,
  type SessionListing,
  type SubagentRow,
} from '../../contract/index.ts';
import { absenceFrom, absenceOf, WorkerPresence } from '../connection/absence.ts';
import { concurrently } from '../connection/concurrency.ts';
import { noWorkerError, serverName } from '../errors.ts';
import { inspect, isFailing, MAX_TASK_ATTEMPTS } from '../subagents/inspect.ts';
import type { Link } from '../connection/link.ts';
import { queryWorkflow, isUnanswered, isWorkerless } from '../connection/query.ts';
import { silenceNote, explainUnanswered } from '../connection/silence.ts';
import { stallOf } from '../subagents/stall.ts';
import { sessionAddress, type KnownRun } from './runs.ts';
import type { FleetListOptions, ListOptions } from '../types.ts';
import { isSelective, applySelection } from './selection.ts';
import { unknownNote, unknownRuns } from './unknown-runs.ts';
import { readView } from '../subagents/view.ts';
import { findQueued, findRuns, findSessions, isSessionOpen, listLiveOrphans } from './visibility.ts';

/** Number of finished subagents listed by default, and with `all`: every one that a session keeps. */
const DEFAULT_FINISHED = 10;
const ALL_FINISHED = 1_000;
/** Maximum number of live subagents read from the visibility store. */
const MAX_LIVE_ROWS = 1_000;
/**
 * In a session with more live subagents than this, one visibility query finds the queued ones. A call for each of them
 * would take some 20 ms of two processors.
 */
const MAX_QUEUED_DESCRIBED = 100;

/** See `SessionHandle.list`. */
export async function listSession(
  link: Link,
  session: string,
  options: ListOptions,
): Promise<SessionListing> {
  const [polled, open, unknown] = await Promise.all([
    link.hasPollers(),
    isSessionOpen(link, session),
    unknownRuns(link, session),
  ]);
  const list = await (polled ? listAnswered : listWorkerless)(link, session, options);
  const whole = open ? list : await withOrphans(link, list, await liveOf(link, session));
  return withUnknown(whole, unknown);
}

/** See `Subagents.list`. */
export async function listFleet(link: Link, options: FleetListOptions): Promise<FleetList> {
  const { all = false, finished = all ? ALL_FINISHED : DEFAULT_FINISHED, progress, sessions: only } = options;
  const isListed = (session: string): boolean => only === undefined || only.includes(session);
  const [known, polled, everyUnknown] = await Promise.all([
    findSessions(link, { all: all || only !== undefined }),
    link.hasPollers(),
    unknownRuns(link),
  ]);
  const found = known.filter(({ session }) => isListed(session));
  const unknown = everyUnknown.filter(({ session }) => isListed(session));
  const open = new Set(found.flatMap(({ session, open }) => (open ? [session] : [])));
  const orphans = await listLiveOrphans(link, { open, max: MAX_LIVE_ROWS });
  const list = polled ? listAnswered : listWorkerless;
  const names = [
    ...new Set([
      ...[...found, ...unknown].map(({ session }) => session),
      ...[...orphans.keys()].filter(isListed),
      ...(only ?? []),
    ]),
  ];
  const limit = isSelective(options) ? ALL_FINISHED : finished;
  const sessions = await concurrently(names, async (session) => {
    const listed = await list(link, session, { finished: limit, progress });
    const known = open.has(session) ? listed : await withOrphans(link, listed, orphans.get(session) ?? []);
    const whole = addUnknown(
      known,
      unknown.filter((run) => run.session === session),
    );
    return isSelective(options) ? applySelection(whole, options, finished) : whole;
  });
  const workerless = !polled || sessions.some((listing) => listing.workerless);
  const orphaned = sessions.filter(({ live }) => live.some(({ orphan }) => orphan));
  return {
    server: link.server,
    sessions: sessions.sort((a, b) => a.session.localeCompare(b.session)),
    workerless,
    notes: [
      ...new Set([
        ...orphaned.map(({ session, live }) => orphansNote(session, live.length)),
        ...(unknown.length > 0 ? [unknownNote(unknown.length)] : []),
        ...sessions.flatMap((listing) => listing.notes.map((note) => noteOf(listing, note))),
        ...(polled ? [] : [silenceNote(noWorkerError(link.server))]),
      ]),
    ],
  };
}

async function listAnswered(link: Link, session: string, options: ListOptions): Promise<SessionListing> {
  const { finished = DEFAULT_FINISHED, progress = true } = options;
  let list: SessionList | undefined;
  try {
    list = await queryWorkflow<SessionList>(link, sessionAddress(session), SESSION.list, { finished });
  } catch (error) {
    if (!(error instanceof SubagentsError) || !isUnanswered(error)) throw error;
    if (!isWorkerless(error) || (await isFailing(link, sessionAddress(session))))
      return listFailing(link, session, options);
    return listUnanswered(
      link,
      session,
      options,
      await explainUnanswered(link, { ...sessionAddress(session), label: 'a session' }, error),
    );
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
    notes: list.notes,
  });
}

interface AskingOption {
  readonly asking: boolean;
}

/**
 * Adds to each live run its status and what it is doing, from its workflow and its heartbeats.
 * @param asking whether workflows can answer Queries; else only the server's facts are used
 */
async function withProgress(
  link: Link,
  runs: readonly KnownRun[],
  { asking }: AskingOption,
): Promise<SubagentRow[]> {
  const workers = new WorkerPresence(link);
  const [first] = runs;
  const isMany = first !== undefined && runs.length > MAX_QUEUED_DESCRIBED;
  const queued = isMany ? await findQueued(link, first.session, MAX_LIVE_ROWS) : undefined;
  return concurrently(runs, async (run) => {
    const waiting = queued?.get(run.runId);
    if (waiting) {
      const { stalled, firstQueue } = waiting;
      const isAlone = !stalled && firstQueue !== undefined && !(await workers.hasWorker(firstQueue));
      const away = isAlone ? absenceFrom(firstQueue, run.startedAt) : undefined;
      return { ...run, status: 'queued', ...(stalled && { stalled }), ...(away && { away }) };
    }
    const inspected = await inspect(link, run);
    if (inspected === undefined) return run;
    const { status, progress, model = run.model, task } = inspected;
    const away = await absenceOf(inspected, workers, asking);
    // Only the workflow knows since when the subagent waits for something outside the server, such as an answer.
    const known = progress?.since ?? inspected.since;
    const tries = task?.attempt ?? 1;
    const failing = asking && tries > MAX_TASK_ATTEMPTS;
    const stalled = stallOf(inspected, { away, failing });
    const ask = (known ?? stalled?.since) === undefined && asking && !away && tries === 1 && !isChain(run);
    const since = ask ? await sinceOf(link, run) : (known ?? stalled?.since);
    return {
      ...run,
      status,
      ...(since !== undefined && { since }),
      ...(stalled && { stalled }),
      ...(away && { away }),
      ...(failing && { failing }),
      ...(model !== undefined && { model }),
      ...(progress && { progress }),
    };
  });
}

async function sinceOf(link: Link, run: KnownRun): Promise<string | undefined> {
  try {
    const view = await readView(link, run);
    return view instanceof SubagentsError ? undefined : view?.since;
  } catch {
    // A failing workflow cannot answer, but is listed.
    return undefined;
  }
}

/** Adds only the status to each run, from one query to the visibility store. */
async function withStatus(link: Link, session: string, live: readonly KnownRun[]): Promise<SubagentRow[]> {
  const listed = await findRuns(link, { session, onlyOpen: true, max: MAX_LIVE_ROWS });
  const statuses = new Map(listed.map(({ runId, status }) => [runId, status]));
  return live.map((run) => ({ ...run, status: statuses.get(run.runId) ?? run.status }));
}

const listWorkerless = (link: Link, session: string, options: ListOptions): Promise<SessionListing> =>
  listUnanswered(link, session, options, noWorkerError(link.server));

/** The list of a session that does not answer. @param why the error to show, see `explainUnanswered` */
async function listUnanswered(
  link: Link,
  session: string,
  options: ListOptions,
  why: SubagentsError,
): Promise<SessionListing> {
  const listed = await listStored(link, session, options, { asking: false });
  return { ...listed, workerless: true, notes: [silenceNote(why)] };
}

/** The list of a session that fails at every attempt. Its subagents may work well, and can be asked. */
async function listFailing(link: Link, session: string, options: ListOptions): Promise<SessionListing> {
  const listed = await listStored(link, session, options, { asking: true });
  return { ...listed, failing: true, notes: [failingNote(session)] };
}

/** The list of a session from the visibility store. */
async function listStored(
  link: Link,
  session: string,
  { finished = DEFAULT_FINISHED }: ListOptions,
  how: AskingOption,
): Promise<SessionListing> {
  const runs = await findRuns(link, { session, max: MAX_LIVE_ROWS + finished });
  const live = runs.filter(({ status }) => !isFinal(status)).reverse();
  const ended = runs.filter(({ status }) => isFinal(status));
  return listing(link, session, {
    live: await withProgress(link, live, how),
    finished: ended.slice(0, finished),
    finishedCount: ended.length,
  });
}

const failingNote = (session: string): string =>
  `the workflow of session "${session}" fails at every attempt (see the log of its worker): it accepts no subagent and announces nothing. \`subagents kill --all --force --session ${session}\` ends it with its subagents; the next spawn starts a new one`;

/** The list of a session that has ended. Its own live rows are stale: `orphans`, which are still live, replace them. */
async function withOrphans(
  link: Link,
  list: SessionListing,
  orphans: readonly KnownRun[],
): Promise<SessionListing> {
  const asking = !list.workerless;
  const rows = await withProgress(link, orphans, { asking });
  const live = rows.map((row) => ({ ...row, orphan: true }));
  if (live.length === 0) return { ...list, live };
  return { ...list, live, notes: [...list.notes, orphansNote(list.session, live.length)] };
}

/** Adds all runs that only the home has a record of, beyond the requested number: no other list has them. */
function addUnknown(list: SessionListing, unknown: readonly SubagentRow[]): SessionListing {
  const { finished, finishedCount } = list;
  return {
    ...list,
    finished: [...finished, ...unknown],
    finishedCount: finishedCount + unknown.length,
  };
}

function withUnknown(list: SessionListing, unknown: readonly SubagentRow[]): SessionListing {
  if (unknown.length === 0) return list;
  return { ...addUnknown(list, unknown), notes: [...list.notes, unknownNote(unknown.length)] };
}

async function liveOf(link: Link, session: string): Promise<KnownRun[]> {
  const runs = await findRuns(link, { session, onlyOpen: true, max: MAX_LIVE_ROWS });
  return runs.reverse();
}

/** A session's note for the list of all sessions: names the session unless the note already does. */
const noteOf = ({ session, workerless }: SessionListing, note: string): string =>
  workerless || note.includes(`"${session}"`) ? note : `session "${session}": ${note}`;

/** The note of a list about live subagents whose session has ended. */
function orphansNote(session: string, count: number): string {
  const [live, them] =
    count === 1 ? ['one of its subagents is live', 'it'] : [`${count} of its subagents are live`, 'them'];
  return `session "${session}" has ended, but ${live}: a worker or the next spawn reopens the session within seconds, with ${them}`;
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
