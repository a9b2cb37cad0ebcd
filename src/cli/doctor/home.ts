/** Checks of the home for people at this terminal: its pools, and its logs. */
import { fail, ok, warn } from '../../checks/check.ts';
import type { Check } from '../../client/index.ts';
import { readHome, workerLog } from '../../home/home.ts';
import { userName } from '../../home/machine.ts';
import { readPools } from '../../home/pools.ts';
import { readWorkerState } from '../../home/worker-state.ts';
import { MAX_LOG_BYTES, logSize } from '../../system/bounded-log.ts';
import { workerHealth } from '../../worker/health.ts';
import { cliFailure } from '../failure.ts';
import { poolsText } from '../render/facts.ts';

/** Reports the pools that the worker of this home joined at its last start: it runs what others send there. */
export const checkPools = (root: string): Check => ok('pools', poolsText(readPools(root), userName()));

/** Reports where the worker of this home logs to, and whether the worker is healthy if one runs. */
export async function checkWorker(root: string): Promise<Check> {
  try {
    const log = readWorkerState(root)?.log ?? workerLog((await readHome(root)).paths);
    const detail = `${log}, ${Math.ceil(logSize(log) / 1024)} KiB (at ${MAX_LOG_BYTES / 1024 / 1024} MiB its content moves to .1)`;
    const { state, healthy, why } = workerHealth(root);
    if (healthy || state === 'none' || state === 'starting') return ok('log', detail);
    return warn('log', `${why}; ${detail}`, 'start it again: subagents up, or subagents worker');
  } catch (error) {
    const { message, remedy } = cliFailure(error);
    return fail('log', message, remedy ?? 'correct it');
  }
}
