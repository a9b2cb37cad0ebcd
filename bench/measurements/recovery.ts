/**
 * A worker is killed with SIGKILL while a subagent runs a shell command, and `up` restarts it. Measures the time from
 * the start of the new process until the model is called again for that turn, and the same from the SIGKILL on,
 * including the pause before the restart. Then repeats this without the leases from which the new process knows the
 * interrupted activities, so that only missing heartbeats reveal the loss.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { linuxStat } from '../../src/system/process.ts';
import { now } from '../clock.ts';
import { latency, median, rounded } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { WAIT } from '../tasks.ts';

const GOAL_MS = 2_000;
const BY_HEARTBEAT_GOAL_MS = 10_000;
const TIMEOUT_MS = 60_000;
/** Workers that die within this time of each other are restarted with growing delays. */
const CALM_MS = 3_000;
/** USER_HZ of proc(5): the unit of start times. */
const TICKS_PER_SECOND = 100;

export const recovery: Measurement = {
  name: 'recovery',
  defaultRuns: 10,
  async measure({ runs, progress }) {
    if (process.platform !== 'linux') {
      progress('left out: only Linux tells when a process started');
      return [];
    }
    const starts: number[] = [];
    const kills: number[] = [];
    const silent: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const { sinceStart, sinceKill } = await recoverOnce(progress, { leases: true });
      starts.push(sinceStart);
      kills.push(sinceKill);
      silent.push((await recoverOnce(progress, { leases: false })).sinceStart);
      progress(
        `${run} of ${runs}: ${sinceStart.toFixed(0)} ms, ${sinceKill.toFixed(0)} ms from SIGKILL on, ${silent.at(-1)?.toFixed(0)} ms by heartbeat`,
      );
    }
    return [
      ...latency('recovery', starts, GOAL_MS),
      { name: 'recovery-from-kill-p50', unit: 'ms', value: rounded(median(kills)) },
      ...latency('recovery-by-heartbeat', silent, BY_HEARTBEAT_GOAL_MS),
    ];
  },
};

/** @param options.leases false: the killed worker's leases are removed before the next worker reads them */
async function recoverOnce(
  progress: (line: string) => void,
  options: { readonly leases: boolean },
): Promise<{ sinceStart: number; sinceKill: number }> {
  // A new rig each time, because `up` waits longer before each further restart.
  await using rig = await Rig.open({ onProgress: progress });
  await rig.spawn({ label: 'struck', task: WAIT });
  await rig.shells('ours', 1);
  await delay(CALM_MS);
  const before = rig.model.requests.length;
  const killed = now();
  process.kill(rig.workerPid, 'SIGKILL');
  if (!options.leases) rmSync(join(rig.home, 'leases'), { recursive: true });
  const deadline = Date.now() + TIMEOUT_MS;
  while (rig.model.requests.length === before) {
    if (Date.now() > deadline) throw new Error('the turn did not go on');
    await delay(2);
  }
  const working = rig.model.requests[before]?.receivedAt ?? Number.NaN;
  return { sinceStart: working - (now() - ageOf(rig.workerPid)), sinceKill: working - killed };
}

/** Age of a process in milliseconds, with a resolution of 10 ms. */
function ageOf(pid: number): number {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return (uptime - Number(linuxStat(pid)?.startTicks) / TICKS_PER_SECOND) * 1_000;
}
