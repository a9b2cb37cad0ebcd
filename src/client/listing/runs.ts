/** Resolves a target to a run of a subagent. */
import {
  isFinal,
  labelProblem,
  SESSION,
  sessionWorkflowId,
  type SessionEntry,
  type SessionList,
} from '../../contract/index.ts';
import type { Link } from '../connection/link.ts';
import { queryWorkflow, isUnanswered, type QueriedRun } from '../connection/query.ts';
import { resolveRunTarget, splitRun } from './targets.ts';
import { findNewestRun, findRuns, findSessions } from './visibility.ts';

/** A run with its entry from its session or, without a worker, from the visibility store. */
export interface KnownRun extends SessionEntry {
  readonly session: string;
}

/** Maximum number of runs searched for a target, besides a session's live ones. A session keeps as many. */
const MAX_RUNS = 1_000;
/**
 * The maximum per session when all sessions are searched. The visibility store lists older runs, within its retention.
 */
const MAX_RUNS_EACH = 100;

/** The address of the session's workflow. */
export const sessionAddress = (session: string): QueriedRun => ({ workflowId: sessionWorkflowId(session) });

/**
 * Finds the run of this session that `target` names: an exact label by one Query, everything else among all its runs.
 * @throws SubagentsError UNKNOWN_TARGET, AMBIGUOUS_TARGET, TEMPORAL_UNREACHABLE.
 */
export async function findRun(link: Link, target: string, session: string): Promise<KnownRun> {
  return (
    (await findByLabel(link, session, target)) ??
    resolve(target, await runsOf(link, session, MAX_RUNS), session)
  );
}

/**
 * Finds the run that `target` names in any session.
 * @param preferred the session whose labels take precedence.
 * @throws SubagentsError UNKNOWN_TARGET, AMBIGUOUS_TARGET, TEMPORAL_UNREACHABLE.
 */
export async function findRunAnywhere(
  link: Link,
  target: string,
  preferred: string | undefined,
): Promise<KnownRun> {
  const [owner = '', ...rest] = target.split('/');
  // Visibility lags behind, so sessions that the caller names are asked even if they are not listed yet.
  const named = [preferred, rest.length > 0 ? owner : undefined].filter(
    (name) => name !== undefined && name !== '',
  );
  const own = preferred ? await findByLabel(link, preferred, target) : undefined;
  const exact = own ?? (await findQualified(link, target));
  if (exact) return exact;
  const open = (await findSessions(link, { all: false })).map(({ session }) => session);
  const [listed, ...asked] = await Promise.all([
    findRuns(link, { max: MAX_RUNS }),
    ...[...new Set([...named, ...open])].map((session) => runsOf(link, session as string, MAX_RUNS_EACH)),
  ]);
  // A session's entry of a run is newer than that of visibility.
  const runs = new Map([...listed, ...asked.flat()].map((run) => [run.runId, run]));
  return resolve(target, [...runs.values()], preferred);
}

/** Finds the run that a target of the form `session/label` names. */
async function findQualified(link: Link, target: string): Promise<KnownRun | undefined> {
  const [owner = '', ...rest] = target.split('/');
  return rest.length === 1 ? findByLabel(link, owner, rest.join('')) : undefined;
}

function resolve(target: string, runs: readonly KnownRun[], session: string | undefined): KnownRun {
  const candidates = runs.map((entry) => ({ ...entry, live: !isFinal(entry.status), entry }));
  return resolveRunTarget(target, candidates, { session }).entry;
}

async function findByLabel(link: Link, session: string, target: string): Promise<KnownRun | undefined> {
  const { name, run } = splitRun(target);
  if (labelProblem(name) !== undefined) return undefined;
  const question = { label: name, ...(run !== undefined && { run }) };
  try {
    const entry = await queryWorkflow<SessionEntry | null>(
      link,
      sessionAddress(session),
      SESSION.find,
      question,
    );
    if (entry === null) return undefined;
    if (entry !== undefined) return { ...entry, session };
  } catch (error) {
    if (!isUnanswered(error)) throw error;
  }
  // There is no session, or it does not answer.
  const newest = await findNewestRun(link, session, name);
  return run === undefined || run === newest?.run ? newest : undefined;
}

/** The runs that the session keeps; without a worker, those that the visibility store lists. */
async function runsOf(link: Link, session: string, max: number): Promise<KnownRun[]> {
  try {
    const list = await queryWorkflow<SessionList>(link, sessionAddress(session), SESSION.list, {
      finished: max,
    });
    return [...(list?.live ?? []), ...(list?.finished ?? [])].map((entry) => ({ ...entry, session }));
  } catch (error) {
    if (isUnanswered(error)) return findRuns(link, { session, max });
    throw error;
  }
}
