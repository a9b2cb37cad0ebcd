/**
 * The overhead of a chain over its steps: a chain of two steps compared with the two run one after the other by hand,
 * and a batch of 50 at once compared with the longest of 50 subagents spawned in one call. Both sides alternate within
 * a run, so that a noisy machine slows both.
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

/** A chain of two steps, one after the other. */
const pair = (label: string, repo: string): ChainSpec => ({
  label,
  steps: ['first', 'second'].map((id) => ({ id, task: HELLO, repo })),
});

/** Time from the spawn of one subagent to its announcement, in milliseconds. */
const timeOf = (rig: Rig, label: string): Promise<number> => timeOfAll(rig, [label]);

/** Time from one spawn of all subagents to the last announcement. */
async function timeOfAll(rig: Rig, labels: readonly string[]): Promise<number> {
  const began = now();
  await rig.session.spawn(labels.map((label) => ({ label, task: HELLO, repo: rig.repo })));
  return Math.max(...(await Promise.all(labels.map((label) => rig.arrivals.of(label))))) - began;
}

/** Time from the start of a chain to its announcement. */
async function timeOfChain(rig: Rig, chain: ChainSpec): Promise<number> {
  const began = now();
  await rig.session.chain(chain);
  return (await rig.arrivals.of(chain.label)) - began;
}

/** The chain's time, the time of its steps without a chain, and the ratio of the two. */
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
