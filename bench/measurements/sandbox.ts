/**
 * What a sandbox costs: wall time of one subagent from `spawn` to its announcement, with one shell command and a verification, and
 * with ten shell commands, beside the same without a sandbox.
 */
import type { SpawnSpec } from '../../src/client/index.ts';
import { now } from '../clock.ts';
import { besidePeer } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO, TEN_COMMANDS, VERIFY_HELLO } from '../tasks.ts';

/** Goals, as shares of the time without a sandbox. */
const VERIFIED_SHARE = 1.05;
const COMMANDS_SHARE = 1.2;

const TASKS: Readonly<
  Record<string, { readonly spec: Pick<SpawnSpec, 'task' | 'verify'>; readonly share: number }>
> = {
  'sandboxed-one-verified': { spec: { task: HELLO, verify: [VERIFY_HELLO] }, share: VERIFIED_SHARE },
  'sandboxed-ten-commands': { spec: { task: TEN_COMMANDS }, share: COMMANDS_SHARE },
};

export const sandbox: Measurement = {
  name: 'sandbox',
  defaultRuns: 15,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const timed = async (label: string, spec: Omit<SpawnSpec, 'label'>): Promise<number> => {
      const began = now();
      await rig.spawn({ label, ...spec });
      return (await rig.arrivals.of(label)) - began;
    };
    const figures = [];
    for (const [name, { spec, share }] of Object.entries(TASKS)) {
      const times = { ours: [] as number[], peers: [] as number[] };
      for (let run = 1; run <= runs; run++) {
        times.ours.push(await timed(`${name}-${run}`, { ...spec, sandbox: true }));
        times.peers.push(await timed(`without-${name}-${run}`, spec));
        progress(
          `${run} of ${runs}: sandboxed ${times.ours.at(-1)?.toFixed(0)} ms, without ${times.peers.at(-1)?.toFixed(0)} ms`,
        );
      }
      figures.push(...besidePeer(name, 'ms', times, share));
    }
    return figures;
  },
};
