/**
 * What encryption costs: wall time of one subagent from `spawn` to its announcement, and the size of its history, beside
 * the same without a key.
 */
import { subagentWorkflowId } from '../../src/contract/index.ts';
import { now } from '../clock.ts';
import { besidePeer } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO, VERIFY_HELLO } from '../tasks.ts';
import { historyBytes, withClient } from '../temporal.ts';

/** Goal, as a share of the value without encryption. */
const SHARE = 1.05;

export const encryption: Measurement = {
  name: 'encryption',
  defaultRuns: 15,
  async measure({ runs, progress }) {
    await using plain = await Rig.open({ onProgress: progress, plain: true });
    await using encrypted = await Rig.open({ onProgress: progress });
    const times = { ours: [] as number[], peers: [] as number[] };
    const sizes = { ours: [] as number[], peers: [] as number[] };
    for (let run = 1; run <= runs; run++) {
      const label = `one-${run}`;
      for (const [rig, side] of [
        [plain, 'peers'],
        [encrypted, 'ours'],
      ] as const) {
        const began = now();
        await rig.spawn({ label, task: HELLO, verify: [VERIFY_HELLO] });
        times[side].push((await rig.arrivals.of(label)) - began);
        const workflowId = subagentWorkflowId(rig.session.name, label);
        sizes[side].push((await withClient(rig, (client) => historyBytes(client, workflowId))) / 1_000);
      }
      progress(
        `${run} of ${runs}: encrypted ${times.ours.at(-1)?.toFixed(0)} ms, plain ${times.peers.at(-1)?.toFixed(0)} ms`,
      );
    }
    return [
      ...besidePeer('encrypted-one-verified', 'ms', times, SHARE),
      ...besidePeer('encrypted-history', 'KB', sizes, SHARE),
    ];
  },
};
