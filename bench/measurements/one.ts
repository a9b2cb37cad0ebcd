/** Wall time of one subagent, from `spawn` to its announcement in this process, compared with plain `copilot -p`. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SpawnSpec } from '../../src/client/index.ts';
import { now } from '../clock.ts';
import { besidePeer } from '../figure.ts';
import type { Conditions, Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO, HELLO_FILE, VERIFY_HELLO } from '../tasks.ts';

/** Goals, as shares of the peer's time. */
const IN_PLACE_SHARE = 0.4;
const VERIFIED_SHARE = 0.6;

export const oneInPlace: Measurement = {
  name: 'one-in-place',
  defaultRuns: 15,
  measure: async (conditions) =>
    besidePeer('one-in-place', 'ms', await alternate(conditions, { isolation: 'in-place' }), IN_PLACE_SHARE),
};

export const oneVerified: Measurement = {
  name: 'one-worktree-verified',
  defaultRuns: 15,
  measure: async (conditions) =>
    besidePeer(
      'one-worktree-verified',
      'ms',
      await alternate(conditions, { verify: [VERIFY_HELLO] }),
      VERIFIED_SHARE,
    ),
};

async function alternate(
  { runs, progress }: Conditions,
  spec: Pick<SpawnSpec, 'isolation' | 'verify'>,
): Promise<{ ours: number[]; peers: number[] }> {
  await using rig = await Rig.open({ onProgress: progress });
  const ours: number[] = [];
  const peers: number[] = [];
  for (let run = 1; run <= runs; run++) {
    await rm(join(rig.repo, HELLO_FILE), { force: true });
    const label = `one-${run}`;
    const began = now();
    await rig.spawn({ label, task: HELLO, ...spec });
    ours.push((await rig.arrivals.of(label)) - began);
    peers.push(await rig.bare(HELLO, await rig.checkout(label)));
    progress(
      `${run} of ${runs}: ours ${ours.at(-1)?.toFixed(0)} ms, copilot -p ${peers.at(-1)?.toFixed(0)} ms`,
    );
  }
  return { ours, peers };
}
