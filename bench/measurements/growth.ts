/**
 * Whether a session slows down as it grows: the time of a spawn and of a list with 10, 100 and 1,000 finished
 * subagents. The finished ones are real but cheap: spawned when no slot is free, and killed while queued. Also measures
 * 100 spawns in one call.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { subagentWorkflowId } from '../../src/contract/index.ts';
import { now } from '../clock.ts';
import { median, rounded, type Figure } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO, WAIT } from '../tasks.ts';
import { withClient } from '../temporal.ts';

const SIZES = [10, 100, 1_000] as const;
/** Largest allowed ratio to the time with the fewest. */
const GOAL_RATIO = 1.2;
const BATCH = 100;

export const hundredSpawns: Measurement = {
  name: 'hundred-spawns',
  defaultRuns: 3,
  async measure({ runs, progress }) {
    await using rig = await crowded(progress);
    const walls: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const labels = Array.from({ length: 100 }, (_, index) => `hundred-${run}-${index}`);
      const began = now();
      await spawnAll(rig, labels);
      walls.push(now() - began);
      await killAll(rig, labels);
    }
    return [{ name: 'hundred-spawns', unit: 'ms', value: rounded(median(walls)) }];
  },
};

export const growth: Measurement = {
  name: 'growth',
  defaultRuns: 15,
  async measure({ runs, progress }) {
    await using rig = await crowded(progress);
    const spawns: number[] = [];
    const lists: number[] = [];
    let finished = 0;
    for (const size of SIZES) {
      while (finished < size) {
        const labels = Array.from(
          { length: Math.min(BATCH, size - finished) },
          (_, n) => `grow-${finished + n}`,
        );
        await spawnAll(rig, labels);
        await killAll(rig, labels);
        finished += labels.length;
      }
      const times = await timesOf(rig, runs, size);
      spawns.push(times.spawn);
      lists.push(times.list);
      progress(`${size} finished: spawn ${times.spawn.toFixed(0)} ms, list ${times.list.toFixed(0)} ms`);
    }
    return [...figures('spawn', spawns), ...figures('list', lists)];
  },
};

/** The times, and each as a share of the first. */
function figures(what: string, times: readonly number[]): Figure[] {
  return SIZES.flatMap((size, index): Figure[] => [
    { name: `growth-${what}-${size}`, unit: 'ms', value: rounded(times[index] ?? Number.NaN) },
    ...(index === 0
      ? []
      : [
          {
            name: `growth-${what}-${size}-share`,
            unit: 'share' as const,
            value: Math.round(((times[index] ?? Number.NaN) / (times[0] ?? Number.NaN)) * 100) / 100,
            goal: GOAL_RATIO,
          },
        ]),
  ]);
}

/** A rig whose only slot is taken, so that all further subagents stay queued. */
async function crowded(onProgress: (line: string) => void): Promise<Rig> {
  const rig = await Rig.open({ slots: 1, onProgress });
  await rig.spawn({ label: 'takes-the-slots', task: WAIT });
  await rig.shells('ours', 1);
  return rig;
}

async function spawnAll(rig: Rig, labels: readonly string[]): Promise<void> {
  const answers = await rig.session.spawn(labels.map((label) => ({ label, task: HELLO, repo: rig.repo })));
  const refused = answers.find(({ accepted }) => !accepted);
  if (refused !== undefined) throw new Error(`refused: ${JSON.stringify(refused)}`);
}

/** Kills the subagents, and waits until the session has recorded their ends. */
async function killAll(rig: Rig, labels: readonly string[]): Promise<void> {
  await withClient(rig, async ({ workflow }) => {
    for (const label of labels)
      await workflow.getHandle(subagentWorkflowId(rig.session.name, label)).cancel();
  });
  while ((await rig.session.list({ finished: 0, progress: false })).live.length > 1) await delay(50);
}

/** Medians of the time of one spawn, and of one list as the command makes it. */
async function timesOf(rig: Rig, runs: number, size: number): Promise<{ spawn: number; list: number }> {
  const spawns: number[] = [];
  const lists: number[] = [];
  for (let run = 1; run <= runs; run++) {
    const label = `probe-${size}-${run}`;
    const began = now();
    await rig.spawn({ label, task: HELLO });
    const accepted = now();
    await rig.session.list();
    lists.push(now() - accepted);
    spawns.push(accepted - began);
    await killAll(rig, [label]);
  }
  return { spawn: median(spawns), list: median(lists) };
}
