/** Giving up a worker that will not come back: its subagents end as lost, with the last commit that is known. */
import { existsSync } from 'node:fs';
import { SUBAGENT, SubagentsError, workerControlQueue, type ForgetRequest } from '../contract/index.ts';
import { branchTip } from '../git/branch.ts';
import { concurrently } from './concurrently.ts';
import { isNotFound } from './errors.ts';
import type { Link } from './link.ts';
import type { KnownRun } from './runs.ts';
import { readView } from './view.ts';
import { findRuns } from './visibility.ts';
import { requireWorker } from './workers.ts';

/** Live subagents looked through, at most. */
const MAX_RUNS = 10_000;

/** See `Subagents.forgetWorker`. */
export async function forgetWorker(link: Link, workerId: string): Promise<KnownRun[]> {
  if (await isThere(link, workerId)) {
    throw new SubagentsError('BAD_INPUT', `worker ${workerId} is not away: it asks for work`, {
      remedy: 'kill its subagents instead, or stop the worker first',
    });
  }
  await requireWorker(link);
  const runs = await findRuns(link, { onlyOpen: true, max: MAX_RUNS });
  const forgotten = await concurrently(runs, async (run) => {
    const view = await readView(link, run);
    if (view === undefined || view === 'workerless' || view.workerId !== workerId) return undefined;
    return (await forget(link, run, workerId, view.branch)) ? run : undefined;
  });
  return forgotten.filter((run) => run !== undefined);
}

/**
 * Has the subagent end as lost when its worker is away; gives whether it was.
 * @throws SubagentsError NO_WORKER where all workers speak another contract
 */
export async function forgetIfAway(link: Link, run: KnownRun): Promise<boolean> {
  const view = await readView(link, run);
  if (view === undefined || view === 'workerless' || view.workerId === undefined) return false;
  if (await isThere(link, view.workerId)) return false;
  await requireWorker(link);
  return forget(link, run, view.workerId, view.branch);
}

const isThere = (link: Link, workerId: string): Promise<boolean> =>
  link.hasPollers(workerControlQueue(workerId), 'activity');

async function forget(
  link: Link,
  { workflowId, runId, label, repo }: KnownRun,
  workerId: string,
  branch: string | null | undefined,
): Promise<boolean> {
  const head = await tipOf(repo, branch);
  const request: ForgetRequest = {
    reason: `its worker ${workerId} was given up`,
    ...(head !== undefined && { head }),
  };
  const handle = link.client.workflow.getHandle(workflowId, undefined, { firstExecutionRunId: runId });
  return link.call(`give up ${label}`, async () => {
    try {
      await handle.signal(SUBAGENT.forget, request);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false; // it has ended meanwhile
      throw error;
    }
  });
}

/** The tip of its branch, where the repository is on this machine. */
async function tipOf(repo: string, branch: string | null | undefined): Promise<string | undefined> {
  if (branch == null || !existsSync(repo)) return undefined;
  return branchTip(repo, branch).catch(() => undefined);
}
