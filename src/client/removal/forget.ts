/** Gives up a worker that will not come back: its subagents end as lost, with their last known commit. */
import { existsSync } from 'node:fs';
import {
  CONTRACT_VERSION,
  MAIN_QUEUE,
  SUBAGENT,
  SubagentsError,
  workerWorkflowId,
  type ForgetRequest,
  type WorkerList,
} from '../../contract/index.ts';
import { branchTip } from '../../git/branches/branch.ts';
import { concurrently } from '../connection/concurrency.ts';
import { isNotFound } from '../errors.ts';
import { endByServer } from './force.ts';
import { holderOf } from '../connection/holder.ts';
import type { Link } from '../connection/link.ts';
import type { KnownRun } from '../listing/runs.ts';
import { readView } from '../subagents/view.ts';
import { findRuns } from '../listing/visibility.ts';
import { listWorkers } from '../listing/workers.ts';
import { isWorkerPolling } from '../connection/workers.ts';
import { Git } from '../../git/git.ts';

/** Maximum number of live subagents that are searched. */
const MAX_RUNS = 10_000;

/** Worker and branch of a subagent: from its workflow or, when nobody answers, from its history and its entry. */
interface HeldRun {
  readonly workerId?: string | undefined;
  readonly branch?: string | null | undefined;
}

/** See `Subagents.forgetWorker`. */
export async function forgetWorker(link: Link, workerId: string): Promise<KnownRun[]> {
  if (await isWorkerPolling(link, workerId)) {
    throw new SubagentsError('BAD_INPUT', `worker ${workerId} is not away: it polls for tasks`, {
      remedy: 'kill its subagents instead, or stop the worker first',
    });
  }
  const [runs, answers] = await Promise.all([
    findRuns(link, { onlyOpen: true, max: MAX_RUNS }),
    isAnswered(link),
  ]);
  const held = await concurrently(runs, async (run) => ({ run, ...(await readHeldRun(link, run, answers)) }));
  const affected = held.filter((each) => each.workerId === workerId);
  const wasShown = await endShownWorker(link, workerId);
  if (affected.length === 0 && !wasShown) throw unknownWorker(workerId, held, await listWorkers(link));
  const ended = await concurrently(affected, async ({ run, branch }) =>
    (await giveUp(link, run, workerId, { branch, answers })) ? run : undefined,
  );
  return ended.filter((run) => run !== undefined);
}

/** Ends the subagent as lost when its worker is away and its workflow answers. @returns whether it was ended */
export async function endIfWorkerAway(link: Link, run: KnownRun): Promise<boolean> {
  const view = await readView(link, run);
  if (view === undefined || view instanceof SubagentsError || view.workerId === undefined) return false;
  if (await isWorkerPolling(link, view.workerId)) return false;
  return giveUp(link, run, view.workerId, { branch: view.branch, answers: await isAnswered(link) });
}

/** Whether a worker with our contract version runs workflows, so that signals and Updates take effect. */
export async function isAnswered(link: Link): Promise<boolean> {
  return (await link.contracts(MAIN_QUEUE, 'workflow')).includes(CONTRACT_VERSION);
}

async function readHeldRun(link: Link, run: KnownRun, answers: boolean): Promise<HeldRun> {
  const view = answers ? await readView(link, run).catch(() => undefined) : undefined;
  if (view !== undefined && !(view instanceof SubagentsError)) return view;
  return { workerId: await holderOf(link, run), branch: run.branch };
}

/** Ends a run of the worker as lost. @returns false when the run has ended meanwhile */
async function giveUp(
  link: Link,
  run: KnownRun,
  workerId: string,
  { branch, answers }: { readonly branch: string | null | undefined; readonly answers: boolean },
): Promise<boolean> {
  const head = await tipOf(Git.at(run.repo), branch);
  const reason = `its worker ${workerId} was given up`;
  if (!answers) {
    const why = head === undefined ? reason : `${reason}; its branch is at ${head}`;
    return (await endByServer(link, run, why)) !== undefined;
  }
  const request: ForgetRequest = { reason, ...(head !== undefined && { head }) };
  return link.call(`give up ${run.label}`, async () => {
    try {
      await link.client.workflow
        .getHandle(run.workflowId, undefined, { firstExecutionRunId: run.runId })
        .signal(SUBAGENT.forget, request);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  });
}

function unknownWorker(workerId: string, held: readonly HeldRun[], { workers }: WorkerList): SubagentsError {
  const holders = [...new Set(held.flatMap((each) => each.workerId ?? []))].sort();
  const away = workers.flatMap((each) => (each.presence === 'away' ? each.workerId : []));
  const known = [
    ...(holders.length > 0 ? [`live subagents are on: ${holders.slice(0, 8).join(', ')}`] : []),
    ...(away.length > 0 ? [`away are: ${away.slice(0, 8).join(', ')}`] : []),
  ];
  return new SubagentsError('UNKNOWN_TARGET', `the server knows no worker "${workerId.slice(0, 100)}"`, {
    remedy:
      known.length === 0
        ? 'there is no worker to give up: none is away, and no live subagent is on one'
        : known.join('; '),
  });
}

/** Ends the workflow that shows the worker. @returns whether there was one */
async function endShownWorker(link: Link, workerId: string): Promise<boolean> {
  return link.call(`give up worker ${workerId}`, async () => {
    try {
      await link.client.workflow.getHandle(workerWorkflowId(workerId)).terminate('the worker was given up');
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  });
}

/** The tip of the branch, if the repository is on this machine. */
async function tipOf(git: Git, branch: string | null | undefined): Promise<string | undefined> {
  if (branch == null || !existsSync(git.cwd)) return undefined;
  return branchTip(git, branch).catch(() => undefined);
}
