/**
 * Wall time of 20 side by side, from one spawn of all to the last announcement, compared with 20 peers started at once.
 */
import { now } from '../clock.ts';
import { besidePeer } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO } from '../tasks.ts';

const COUNT = 20;
const SHARE = 0.35;

export const twenty: Measurement = {
  name: 'twenty-side-by-side',
  defaultRuns: 5,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ slots: COUNT, onProgress: progress });
    const ours: number[] = [];
    const peers: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const labels = Array.from({ length: COUNT }, (_, index) => `twenty-${run}-${index}`);
      const began = now();
      await rig.session.spawn(labels.map((label) => ({ label, task: HELLO, repo: rig.repo })));
      const arrivals = await Promise.all(labels.map((label) => rig.arrivals.of(label)));
      ours.push(Math.max(...arrivals) - began);
      const checkouts = await Promise.all(labels.map((label) => rig.checkout(label)));
      const peersBegan = now();
      await Promise.all(checkouts.map((cwd) => rig.bare(HELLO, cwd)));
      peers.push(now() - peersBegan);
      progress(
        `${run} of ${runs}: ours ${ours.at(-1)?.toFixed(0)} ms, copilot -p ${peers.at(-1)?.toFixed(0)} ms`,
      );
    }
    return besidePeer('twenty-side-by-side', 'ms', { ours, peers }, SHARE);
  },
};
