/** Carries out the planned strikes, each when the work has progressed far enough. */
import { setTimeout as delay } from 'node:timers/promises';
import { signalProcess } from '../src/system/process.ts';
import type { PlannedStrike } from './plan.ts';
import type { ServerUnderTest } from './server.ts';
import { freeze, type WorkerUnderTest } from './worker.ts';

const LOOK_MS = 25;

/** A strike that was carried out or skipped. */
export interface Struck extends PlannedStrike {
  /** Milliseconds since the start of the run; undefined if the run was over before. */
  readonly afterMs: number | undefined;
  /** False if the target was not running at that moment. */
  readonly hit: boolean;
}

export interface Targets {
  readonly server: ServerUnderTest;
  readonly workers: readonly WorkerUnderTest[];
}

/**
 * Strikes until all are done or `signal` is aborted; strikes may overlap. `progress` returns the share of the work that
 * is done, and `onStrike` is called at the start of each strike. Resolves when everything runs again.
 */
export async function strike(
  strikes: readonly PlannedStrike[],
  targets: Targets,
  {
    progress,
    onStrike,
    signal,
  }: {
    readonly progress: () => number;
    readonly onStrike: (strike: PlannedStrike) => void;
    readonly signal: AbortSignal;
  },
): Promise<Struck[]> {
  const began = Date.now();
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
  const under: Promise<Struck>[] = [];
  for (const planned of strikes) {
    while (!signal.aborted && progress() < planned.at) await wait(LOOK_MS);
    if (signal.aborted) {
      under.push(Promise.resolve({ ...planned, afterMs: undefined, hit: false }));
      continue;
    }
    onStrike(planned);
    const afterMs = Date.now() - began;
    under.push(carryOut(planned, targets, wait).then((hit) => ({ ...planned, afterMs, hit })));
  }
  return Promise.all(under);
}

async function carryOut(
  { part, way, worker: index, forMs }: PlannedStrike,
  { server, workers }: Targets,
  wait: (ms: number) => Promise<void>,
): Promise<boolean> {
  const worker = workers[index];
  if (worker === undefined) return false;
  switch (part) {
    case 'server':
      return server.strike(way, forMs, wait);
    case 'worker':
      return worker.strike(way, forMs, wait);
    case 'runtime': {
      const [runtime] = worker.runtimes;
      if (runtime === undefined) return false;
      if (way === 'freeze') return freeze(runtime, forMs, wait);
      return signalProcess(runtime, way === 'kill' ? 'SIGKILL' : 'SIGTERM');
    }
    case 'everything': {
      for (const runtime of worker.runtimes) signalProcess(runtime, 'SIGKILL');
      const hits = await Promise.all([
        worker.strike('kill', forMs, wait),
        server.strike('kill', forMs, wait),
      ]);
      return hits.some(Boolean);
    }
  }
}
