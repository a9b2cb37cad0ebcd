/**
 * Time from `kill` of a subagent whose shell command ignores SIGTERM to the report that none of its processes are left.
 */
import { now } from '../clock.ts';
import { latency } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { STAY } from '../tasks.ts';

const GOAL_MS = 5_000;

export const killToProof: Measurement = {
  name: 'kill-to-proof',
  defaultRuns: 15,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const delays: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const label = `killed-${run}`;
      await rig.spawn({ label, task: STAY });
      await rig.shells('ours', run);
      const began = now();
      const { sweep } = await rig.session.subagent(label).kill();
      delays.push(now() - began);
      if (sweep === undefined || sweep.left.length > 0 || (process.platform === 'linux' && sweep.found === 0))
        throw new Error(`a kill left something, or found nothing: ${JSON.stringify(sweep)}`);
    }
    return latency('kill-to-proof', delays, GOAL_MS);
  },
};
