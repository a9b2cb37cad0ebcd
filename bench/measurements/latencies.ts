/** Delays that a main agent notices: until a spawn is accepted, a steer has its receipt, and an end is announced. */
import { now } from '../clock.ts';
import { latency } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO, WAIT } from '../tasks.ts';

/** Goals for the medians, in milliseconds. */
const ACCEPTED_MS = 50;
const RECEIPT_MS = 50;
const ANNOUNCED_MS = 40;

export const spawnToAccepted: Measurement = {
  name: 'spawn-to-accepted',
  defaultRuns: 40,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const delays: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const label = `accepted-${run}`;
      const began = now();
      await rig.spawn({ label, task: HELLO });
      delays.push(now() - began);
      // One at a time, so that the previous subagent's work is not included.
      await rig.arrivals.of(label);
    }
    return latency('spawn-to-accepted', delays, ACCEPTED_MS);
  },
};

export const steerToReceipt: Measurement = {
  name: 'steer-to-receipt',
  defaultRuns: 40,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    await rig.spawn({ label: 'steered', task: WAIT });
    const subagent = rig.session.subagent('steered');
    const delays: number[] = [];
    for (let run = 1; run <= runs; run++) {
      await rig.shells('ours', run);
      const began = now();
      const { delivery } = await subagent.steer(`Message ${run}: go on.`);
      delays.push(now() - began);
      if (delivery !== 'mid-turn') throw new Error(`a steer into a shell command was ${delivery}`);
    }
    return latency('steer-to-receipt', delays, RECEIPT_MS);
  },
};

export const lastByteToAnnouncement: Measurement = {
  name: 'last-byte-to-announcement',
  defaultRuns: 40,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const delays: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const label = `announced-${run}`;
      await rig.spawn({ label, task: HELLO });
      const arrival = await rig.arrivals.of(label);
      delays.push(arrival - (rig.model.requests.at(-1)?.finishedAt ?? Number.NaN));
    }
    return latency('last-byte-to-announcement', delays, ANNOUNCED_MS);
  },
};
