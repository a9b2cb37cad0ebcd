/** Whether anybody takes what is asked, and understands it: said before it is sent, since a server without them just waits. */
import {
  CONTRACT_VERSION,
  hostControlQueue,
  MAIN_QUEUE,
  workerControlQueue,
  type SubagentsError,
} from '../../contract/index.ts';
import { noWorker, otherVersion } from '../errors.ts';
import type { Link } from './link.ts';

/** @throws SubagentsError NO_WORKER where no worker runs workflows, or all that do speak another contract */
export async function requireWorker(link: Link): Promise<void> {
  const contracts = await link.contracts(MAIN_QUEUE, 'workflow');
  if (contracts.length === 0) throw noWorker(link.server);
  checkContract(link, contracts);
}

/**
 * For what this host alone can do. Its control queue is asked: of the other one, a worker without a free slot does not poll.
 * @throws SubagentsError NO_WORKER where no worker runs workflows or none is of this host, or they speak another contract
 */
export async function requireWorkers(link: Link, hostQueue: string): Promise<void> {
  const [, ofHost] = await Promise.all([
    requireWorker(link),
    link.contracts(hostControlQueue(hostQueue), 'activity'),
  ]);
  if (ofHost.length === 0)
    throw noWorker(link.server, `no worker of this host and user is running (${hostQueue})`);
  checkContract(link, ofHost);
}

/** @throws SubagentsError NO_WORKER, saying `who` it is, where that very worker is away */
export async function requireThisWorker(link: Link, workerId: string, who: string): Promise<void> {
  if (!(await isWorkerThere(link, workerId))) throw awayError(link, workerId, who);
}

/** Whether that very worker asks for work. */
export const isWorkerThere = (link: Link, workerId: string): Promise<boolean> =>
  link.hasPollers(workerControlQueue(workerId), 'activity');

/** The error for a worker that is away, saying `who` it is. */
export const awayError = (link: Link, workerId: string, who: string): SubagentsError =>
  noWorker(link.server, `${who}, ${workerId}, is away`);

function checkContract(link: Link, contracts: readonly number[]): void {
  if (!contracts.includes(CONTRACT_VERSION)) throw otherVersion(link.server, contracts);
}
