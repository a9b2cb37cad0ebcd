/** Checks for a compatible worker before a request is sent. Without such a worker the server would just wait. */
import {
  CONTRACT_VERSION,
  MAIN_QUEUE,
  workerControlQueue,
  type SubagentsError,
} from '../../contract/index.ts';
import { noWorkerError, versionError } from '../errors.ts';
import type { Link } from './link.ts';

/** @throws SubagentsError NO_WORKER when no worker runs workflows, or none of them has our contract version */
export async function requireWorker(link: Link): Promise<void> {
  const contracts = await link.contracts(MAIN_QUEUE, 'workflow');
  if (contracts.length === 0) throw noWorkerError(link.server);
  checkContract(link, contracts);
}

/** @throws SubagentsError NO_WORKER when this worker is away. @param who describes the worker in the message */
export async function requireThisWorker(link: Link, workerId: string, who: string): Promise<void> {
  if (!(await isWorkerPolling(link, workerId))) throw workerAwayError(link, workerId, who);
}

/** Whether this worker polls for work. */
export const isWorkerPolling = (link: Link, workerId: string): Promise<boolean> =>
  link.hasPollers(workerControlQueue(workerId), 'activity');

/** The error for a worker that is away. @param who describes the worker */
export const workerAwayError = (link: Link, workerId: string, who: string): SubagentsError =>
  noWorkerError(link.server, `${who}, ${workerId}, is away`);

function checkContract(link: Link, contracts: readonly number[]): void {
  if (!contracts.includes(CONTRACT_VERSION)) throw versionError(link.server, contracts);
}
