/** Has a worker of a pool look at itself, before anything is spawned there. */
import { randomUUID } from 'node:crypto';
import {
  CHECK_TIMEOUT_MS,
  DOCTOR,
  doctorWorkflowId,
  firstProblem,
  MAIN_QUEUE,
  poolControlQueue,
  poolName,
  readRepositoryUrl,
  SubagentsError,
  validate,
  type DoctorInput,
  type Lost,
  type PoolCheck,
  type WorkerChecks,
} from '../../contract/index.ts';
import { noPoolWorkerError } from '../errors.ts';
import type { Link } from './link.ts';
import { requireWorker } from './workers.ts';

/** Longer than the worker may take. */
const TIMEOUT_MS = CHECK_TIMEOUT_MS + 30_000;

/** See `Subagents.checkPool`. */
export async function checkPool(link: Link, pool: string, repo: string | undefined): Promise<PoolCheck> {
  const name = validate(poolName, pool);
  if (!name.success) throw new SubagentsError('BAD_INPUT', `pool: ${firstProblem(name.error)}`);
  const url = repo === undefined ? undefined : readRepositoryUrl(repo)?.url;
  if (repo !== undefined && url === undefined)
    throw new SubagentsError('BAD_INPUT', `${repo} is a path: a worker of a pool cannot read it`, {
      remedy: 'name the repository by URL',
    });
  if ((await link.contracts(poolControlQueue(pool), 'activity')).length === 0)
    throw noPoolWorkerError(link.server, pool);
  await requireWorker(link);
  const input: DoctorInput = { pool, ...(url !== undefined && { repo: url }) };
  const answer = await link.call(
    `check pool ${pool}`,
    () =>
      link.client.workflow.execute<(input: DoctorInput) => Promise<WorkerChecks | Lost>>(DOCTOR.workflow, {
        workflowId: doctorWorkflowId(pool, randomUUID().slice(0, 8)),
        taskQueue: MAIN_QUEUE,
        args: [input],
        staticSummary: `check pool ${pool}`,
        workflowExecutionTimeout: TIMEOUT_MS,
      }),
    { timeoutMs: TIMEOUT_MS },
  );
  if ('kind' in answer)
    throw new SubagentsError('NO_WORKER', `the worker of pool ${pool} was stopped while it looked`, {
      remedy: 'try again',
    });
  const { workerId, host, checks } = answer;
  return { pool, workerId, host, ok: checks.every(({ result }) => result !== 'fail'), checks };
}
