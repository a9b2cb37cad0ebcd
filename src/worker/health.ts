/** The health of the worker of one home, as its own file says. No other worker's counts, and no server is asked. */
import { readWorkerState, type WorkerState } from '../home/worker-state.ts';
import { isAlive, processSpace } from '../system/process.ts';

/** A worker gives a sign of life every 5 s; on a busy machine it may be late. In milliseconds. */
const SILENT_MS = 30_000;

/** Whether the worker of a home is healthy, and why. */
export interface WorkerHealth {
  readonly healthy: boolean;
  /** One line, for people. */
  readonly why: string;
  readonly state: WorkerState['state'] | 'gone' | 'silent' | 'none';
  readonly workerId?: string;
  readonly pid?: number;
  /** ISO 8601, its last sign of life. */
  readonly at?: string;
  /** ISO 8601; absent while its server answers. */
  readonly serverSilentSince?: string;
}

/**
 * The health of the worker of the home `root`. A silent server does not make a worker unhealthy: the worker goes on by
 * itself, and a restart would interrupt its turns.
 */
export function workerHealth(root: string, now = Date.now()): WorkerHealth {
  const known = readWorkerState(root);
  if (known === undefined) return { healthy: false, state: 'none', why: `no worker runs in ${root}` };
  const { workerId, pid, startTime, space, state, at, serverSilentSince } = known;
  const who = `worker ${workerId} (process ${pid})`;
  const facts = { workerId, pid, at: new Date(at).toISOString() };
  if (space === processSpace() && !isAlive(pid, startTime))
    return { ...facts, healthy: false, state: 'gone', why: `${who} has ended without a clean stop` };
  const silentMs = now - at;
  if (silentMs > SILENT_MS) {
    const why = `${who} has not answered for ${Math.round(silentMs / 1_000)} s`;
    return { ...facts, healthy: false, state: 'silent', why };
  }
  if (state === 'starting') return { ...facts, healthy: false, state, why: `${who} is starting` };
  const server =
    serverSilentSince === undefined
      ? ''
      : `; its server has not answered since ${serverSilentSince}, and it goes on once that does`;
  const doing = { running: 'runs', draining: 'takes nothing new and ends', stopping: 'is stopping' }[state];
  return {
    ...facts,
    healthy: true,
    state,
    why: `${who} ${doing}${server}`,
    ...(serverSilentSince !== undefined && { serverSilentSince }),
  };
}
