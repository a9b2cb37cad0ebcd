/**
 * The cost of a subagent that waits for an answer: memory of server and worker, and events in its own and its session's
 * history.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { sessionWorkflowId, subagentWorkflowId } from '../../src/contract/index.ts';
import { median, rounded, type Figure } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { historyLength, withClient } from '../temporal.ts';
import { ASK } from '../tasks.ts';

const FEW = 1;
const MANY = 21;
/** Wait after the last question. The end of the worker's clean-up is not observable. */
const SETTLE_MS = 5_000;
/** How long histories are watched. */
const WATCH_MS = 20_000;
const HOUR_MS = 3_600_000;

export const waiting: Measurement = {
  name: 'idle-waiting',
  defaultRuns: 1,
  async measure({ runs, progress }) {
    const memory: number[] = [];
    const events: number[] = [];
    for (let run = 1; run <= runs; run++) {
      await using rig = await Rig.open({ onProgress: progress });
      const totals: number[] = [];
      let started = 0;
      for (const count of [FEW, MANY]) {
        for (; started < count; started++) await rig.spawn({ label: `asking-${started}`, task: ASK });
        await allAsk(rig, count);
        await delay(SETTLE_MS);
        totals.push(rig.memory('ours'));
      }
      memory.push(((totals[1] ?? 0) - (totals[0] ?? 0)) / (MANY - FEW));
      events.push(await growth(rig));
    }
    return [
      ...(process.platform === 'linux'
        ? [{ name: 'idle-waiting-memory', unit: 'MB', value: rounded(median(memory)) } satisfies Figure]
        : []),
      { name: 'idle-waiting-history', unit: 'events/h', value: rounded(median(events)), goal: 0 },
    ];
  },
};

async function allAsk(rig: Rig, count: number): Promise<void> {
  for (;;) {
    const { live } = await rig.session.list({ finished: 0 });
    const views = await Promise.all(live.map(({ label }) => rig.session.subagent(label).describe()));
    if (views.filter(({ status }) => status === 'asking').length === count) return;
    await delay(200);
  }
}

/** New events per hour in all histories of the session, per waiting subagent. */
async function growth(rig: Rig): Promise<number> {
  return withClient(rig, async (client) => {
    const ids = [
      sessionWorkflowId(rig.session.name),
      ...Array.from({ length: MANY }, (_, index) => subagentWorkflowId(rig.session.name, `asking-${index}`)),
    ];
    const total = async (): Promise<number> =>
      (await Promise.all(ids.map((id) => historyLength(client, id)))).reduce((sum, each) => sum + each, 0);
    const before = await total();
    await delay(WATCH_MS);
    return (((await total()) - before) / MANY) * (HOUR_MS / WATCH_MS);
  });
}
