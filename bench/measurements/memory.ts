/**
 * Memory of one more concurrent subagent that runs a shell command: server, worker, runtime and shells with 11
 * subagents minus the same with 1, divided by 10; compared with one more plain `copilot -p`, measured in the same way.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { besidePeer, type Figure } from '../figure.ts';
import type { Conditions, Measurement } from '../measurement.ts';
import { Rig, type Side } from '../rig.ts';
import { WAIT } from '../tasks.ts';

const FEW = 1;
const MANY = 11;
const SHARE = 0.1;
/** Start-up work continues after the shell command has begun, and its end is not observable. */
const SETTLE_MS = 1_500;

export const memory: Measurement = {
  name: 'memory-of-one-more',
  defaultRuns: 3,
  async measure({ runs, progress }: Conditions): Promise<Figure[]> {
    if (process.platform !== 'linux') {
      progress('left out: only Linux tells how much memory processes share');
      return [];
    }
    const ours: number[] = [];
    const peers: number[] = [];
    for (let run = 1; run <= runs; run++) {
      // A new rig each time, because a runtime keeps memory that it once had.
      await using rig = await Rig.open({ slots: MANY, onProgress: progress });
      ours.push(await oneMore(rig, 'ours', (n) => rig.spawn({ label: `wait-${n}`, task: WAIT })));
      const cwd = await rig.checkout('wait');
      peers.push(await oneMore(rig, 'bare', async () => rig.startBare(WAIT, cwd)));
      progress(
        `${run} of ${runs}: ours ${ours.at(-1)?.toFixed(1)} MB, copilot -p ${peers.at(-1)?.toFixed(1)} MB`,
      );
    }
    return besidePeer('memory-of-one-more', 'MB', { ours, peers }, SHARE);
  },
};

async function oneMore(rig: Rig, side: Side, start: (n: number) => Promise<void>): Promise<number> {
  const totals: number[] = [];
  let started = 0;
  for (const count of [FEW, MANY]) {
    while (started < count) await start(started++);
    await rig.shells(side, count);
    await delay(SETTLE_MS);
    totals.push(rig.memory(side));
  }
  const [few = 0, many = 0] = totals;
  return (many - few) / (MANY - FEW);
}
