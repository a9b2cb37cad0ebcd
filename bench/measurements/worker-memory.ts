/**
 * Whether the worker's memory stays bounded: a thousand small subagents in batches, then as many queued at the same
 * time. Copilot's runtime is a separate process, and not included.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { rounded, type Figure } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { processMemory } from '../processes.ts';
import { plot } from '../plot.ts';
import { Rig } from '../rig.ts';
import { HELLO } from '../tasks.ts';

const COUNT = 1_000;
/** Subagents between two measurements, which is also the most that one spawn accepts. */
const BATCH = 20;
/** Allowed ratio to the memory after the first hundred: a heap varies by what is not collected yet. */
const GOAL_RATIO = 1.5;
const SETTLE_MS = 200;

export const workerMemory: Measurement = {
  name: 'worker-memory',
  defaultRuns: 1,
  async measure({ progress }) {
    if (process.platform !== 'linux') return [];
    await using rig = await Rig.open({ slots: 4, onProgress: progress });
    const small: number[] = [];
    for (let done = 0; done < COUNT; done += BATCH) {
      const labels = await spawn(rig, `small-${done}`);
      for (const label of labels) await rig.arrivals.of(label);
      small.push(await look(rig));
      if ((done + BATCH) % 100 === 0) progress(`${done + BATCH} done: ${small.at(-1)?.toFixed(0)} MB`);
    }
    const queued: number[] = [];
    for (let held = 0; held < COUNT; held += BATCH) {
      await spawn(rig, `queued-${held}`);
      queued.push(await look(rig));
    }
    progress(plot(small, { title: `MB of the worker over ${COUNT} small subagents` }));
    progress(plot(queued, { title: `MB of the worker while up to ${COUNT} more are spawned at once` }));
    return [...figures('small', small), ...figures('queued', queued)];
  },
};

async function spawn(rig: Rig, prefix: string): Promise<string[]> {
  const labels = Array.from({ length: BATCH }, (_, index) => `${prefix}-${index}`);
  const answers = await rig.session.spawn(labels.map((label) => ({ label, task: HELLO, repo: rig.repo })));
  const refused = answers.find(({ accepted }) => !accepted);
  if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`);
  return labels;
}

async function look(rig: Rig): Promise<number> {
  await delay(SETTLE_MS);
  return processMemory(rig.workerPid);
}

/** The maximum, with a goal based on the value after the first hundred. */
function figures(what: string, series: readonly number[]): Figure[] {
  const first = series[100 / BATCH - 1] ?? Number.NaN;
  return [
    {
      name: `worker-memory-${what}-max`,
      unit: 'MB',
      value: rounded(Math.max(...series)),
      goal: rounded(first * GOAL_RATIO),
    },
    { name: `worker-memory-${what}-end`, unit: 'MB', value: rounded(series.at(-1) ?? Number.NaN) },
  ];
}
