/**
 * What a chain adds to its steps: one of two steps beside the two run one after the other by hand, and a batch of 50, all at
 * once, beside the longest of 50 subagents that are spawned in one call. In turn within one run, so that a noisy machine slows both.
 */
import { batchChain, type ChainSpec } from '../../src/client/index.ts';
import { now } from '../clock.ts';
import { median, rounded, type Figure } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO } from '../tasks.ts';

const COUNT = 50;

export const chains: Measurement = {
  name: 'chains',
  defaultRuns: 3,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ slots: COUNT, onProgress: progress });
    const two = { chained: [] as number[], ideal: [] as number[] };
    const many = { chained: [] as number[], ideal: [] as number[] };
    for (let run = 1; run <= runs; run++) {
      two.ideal.push((await timeOf(rig, `alone-${run}-a`)) + (await timeOf(rig, `alone-${run}-b`)));
      two.chained.push(await timeOfChain(rig, pair(`pair-${run}`, rig.repo)));
      const labels = Array.from({ length: COUNT }, (_, index) => `alone-${run}-${index}`);
      many.ideal.push(await timeOfAll(rig, labels));
      const repos = labels.map(() => rig.repo);
      many.chained.push(await timeOfChain(rig, batchChain({ label: `batch-${run}`, task: HELLO, repos })));
      progress(
        `${run} of ${runs}: two ${last(two.chained)} beside ${last(two.ideal)} ms, ${COUNT} ${last(many.chained)} beside ${last(many.ideal)} ms`,
      );
    }
    return [...figures('chain-of-2', two), ...figures(`batch-of-${COUNT}`, many)];
  },
};

/** Two steps, the second after the first. */
const pair = (label: string, repo: string): ChainSpec => ({
  label,
  steps: ['first', 'second'].map((id) => ({ id, task: HELLO, repo })),
});

/** From the spawn of one until its announcement, in milliseconds. */
const timeOf = (rig: Rig, label: string): Promise<number> => timeOfAll(rig, [label]);

/** From one spawn of all until the last announcement. */
async function timeOfAll(rig: Rig, labels: readonly string[]): Promise<number> {
  const began = now();
  await rig.session.spawn(labels.map((label) => ({ label, task: HELLO, repo: rig.repo })));
  return Math.max(...(await Promise.all(labels.map((label) => rig.arrivals.of(label))))) - began;
}

/** From the start of a chain until its own announcement. */
async function timeOfChain(rig: Rig, chain: ChainSpec): Promise<number> {
  const began = now();
  await rig.session.chain(chain);
  return (await rig.arrivals.of(chain.label)) - began;
}

/** The time of the chain, that of its steps without it, and the one as a share of the other. */
function figures(
  name: string,
  { chained, ideal }: { readonly chained: readonly number[]; readonly ideal: readonly number[] },
): Figure[] {
  const [ours, steps] = [median(chained), median(ideal)];
  return [
    { name, unit: 'ms', value: rounded(ours) },
    { name: `${name}-ideal`, unit: 'ms', value: rounded(steps) },
    { name: `${name}-share`, unit: 'share', value: Math.round((ours / steps) * 100) / 100 },
  ];
}

const last = (times: readonly number[]): string => (times.at(-1) ?? Number.NaN).toFixed(0);
