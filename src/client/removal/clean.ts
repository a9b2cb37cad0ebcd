/** Cleans up after finished subagents. Each subagent's worker does it, because only that worker has the home. */
import { randomUUID } from 'node:crypto';
import {
  CLEAN,
  cleanWorkflowId,
  isChain,
  isFinal,
  MAIN_QUEUE,
  SubagentsError,
  workerControlQueue,
  type CleanedRun,
  type CleanWorkflowInput,
  type CleanReport,
} from '../../contract/index.ts';
import { runIdentity } from '../../contract/reports/identity.ts';
import { concurrently } from '../connection/concurrency.ts';
import { requireView } from '../subagents/view.ts';
import { refuseChain } from '../errors.ts';
import type { Link } from '../connection/link.ts';
import { listSession } from '../listing/listing.ts';
import { repositoryFilter } from '../listing/of-repository.ts';
import { findRunAnywhere, type KnownRun } from '../listing/runs.ts';
import type { CleanOptions } from '../types.ts';
import { unknownRuns } from '../listing/unknown-runs.ts';
import { findSessions } from '../listing/visibility.ts';
import { requireWorker } from '../connection/workers.ts';

/** How long a clean may take, in milliseconds: removing large worktrees is slow. */
const CLEAN_TIMEOUT_MS = 10 * 60_000;
/** Maximum number of runs that one workflow cleans, so that its result stays well under Temporal's limit. */
const RUNS_AT_ONCE = 100;
/** Maximum number of finished subagents of a session per call: as many as a session keeps. */
const MAX_CLEANED = 1_000;

/** See `Subagents.clean`. @throws SubagentsError as `cleanRuns`; UNKNOWN_TARGET, AMBIGUOUS_TARGET, BAD_INPUT for a chain */
export async function cleanTargets(
  link: Link,
  targets: readonly string[] | 'all',
  session: string | undefined,
  options: CleanOptions,
): Promise<CleanReport> {
  if (targets === 'all') {
    const sessions = await findSessions(link, { all: true });
    const finished = await concurrently(sessions, ({ session: name }) => finishedOf(link, name));
    const all = [...finished.flat(), ...(await unknownRuns(link))];
    return cleanRuns(link, [...new Map(all.map((run) => [run.runId, run])).values()], options);
  }
  const runs = (await concurrently(targets, (target) => findToClean(link, target, session))).flat();
  for (const run of runs) refuseChain('clean', run);
  const once = new Map(runs.map((run) => [run.runId, run]));
  return cleanRuns(link, [...once.values()], options);
}

/** The run that the target names; if the server has none, the matching runs that only the home has a record of. */
async function findToClean(
  link: Link,
  target: string,
  session: string | undefined,
): Promise<readonly KnownRun[]> {
  try {
    return [await findRunAnywhere(link, target, session)];
  } catch (error) {
    if (!(error instanceof SubagentsError) || error.code !== 'UNKNOWN_TARGET') throw error;
    const named = (await unknownRuns(link)).filter((run) =>
      [run.label, `${run.label}@${run.run}`].some((name) =>
        [name, `${run.session}/${name}`].includes(target),
      ),
    );
    if (named.length === 0) throw error;
    return named;
  }
}

/** See `SessionHandle.clean`. @throws SubagentsError NO_WORKER, TIMEOUT */
export async function cleanSession(link: Link, session: string, options: CleanOptions): Promise<CleanReport> {
  return cleanRuns(link, await finishedOf(link, session), options);
}

async function finishedOf(link: Link, session: string): Promise<KnownRun[]> {
  const { finished } = await listSession(link, session, { finished: MAX_CLEANED, progress: false });
  return finished.filter((run) => !isChain(run));
}

/**
 * Cleans up after these runs.
 * @throws SubagentsError STILL_LIVE for a live run, NO_WORKER, TIMEOUT, NOT_A_REPOSITORY
 */
export async function cleanRuns(
  link: Link,
  among: readonly KnownRun[],
  { repo, merged = false, dryRun = false, force = false }: CleanOptions,
): Promise<CleanReport> {
  const runs = repo === undefined ? among : among.filter(await repositoryFilter(repo, process.cwd()));
  const live = runs.find(({ status }) => !isFinal(status));
  if (live) {
    throw new SubagentsError('STILL_LIVE', `${live.label}@${live.run} is still at work`, {
      remedy: `Wait for it, or end it first: subagents kill ${live.label}`,
    });
  }
  if (runs.length > 0) await requireWorker(link);
  const byWorker = new Map<string | undefined, KnownRun[]>();
  const workers = await concurrently(runs, (run) => workerOf(link, run));
  runs.forEach((run, index) => {
    const workerId = workers[index];
    byWorker.set(workerId, [...(byWorker.get(workerId) ?? []), run]);
  });
  const groups = [...byWorker].flatMap(([workerId, all]) => batches(all).map((some) => ({ workerId, some })));
  const cleaned = await concurrently(groups, async ({ workerId, some }) => {
    if (workerId === undefined) return [];
    const answer = await askWorker(link, {
      workerId,
      force,
      dryRun,
      onlyMerged: merged,
      runs: some.map(runIdentity),
    });
    return answer ?? some.map((run) => away(run, workerId));
  });
  const found = new Map(cleaned.flat().map((run) => [run.runId, run]));
  const all = runs.flatMap(({ runId }) => found.get(runId) ?? []);
  return { dryRun, runs: all, freedBytes: all.reduce((sum, { freedBytes }) => sum + freedBytes, 0) };
}

/** The worker that had the run; undefined when it never had one, or the server no longer has the run. */
async function workerOf(link: Link, run: KnownRun): Promise<string | undefined> {
  if (run.workerId !== undefined) return run.workerId;
  const view = await requireView(link, run);
  return view?.workerId;
}

/** Has a worker clean runs. @returns undefined when the worker is away */
async function askWorker(link: Link, input: CleanWorkflowInput): Promise<readonly CleanedRun[] | undefined> {
  const { workerId } = input;
  if (!(await link.hasPollers(workerControlQueue(workerId), 'activity'))) return undefined;
  return link.call(
    `clean ${input.runs
      .map(({ label }) => label)
      .join(', ')
      .slice(0, 80)}`,
    () =>
      link.client.workflow.execute<(input: CleanWorkflowInput) => Promise<readonly CleanedRun[]>>(
        CLEAN.workflow,
        {
          workflowId: cleanWorkflowId(workerId, randomUUID().slice(0, 8)),
          taskQueue: MAIN_QUEUE,
          args: [input],
          staticSummary: `clean ${input.runs.length} finished subagents`,
          workflowExecutionTimeout: CLEAN_TIMEOUT_MS,
        },
      ),
    { timeoutMs: CLEAN_TIMEOUT_MS },
  );
}

const away = (run: KnownRun, workerId: string): CleanedRun => ({
  ...runIdentity(run),
  removed: [],
  freedBytes: 0,
  kept: [{ what: 'all', where: workerId, why: `its worker ${workerId} is away` }],
});

function batches(runs: readonly KnownRun[]): (readonly KnownRun[])[] {
  const count = Math.ceil(runs.length / RUNS_AT_ONCE);
  return Array.from({ length: count }, (_, at) => runs.slice(at * RUNS_AT_ONCE, (at + 1) * RUNS_AT_ONCE));
}
