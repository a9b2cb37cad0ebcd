/**
 * Requests to the server: by a small subagent (a worktree, one turn, one verification), and by a long one per minute.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { median, rounded } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { serverRequests, type Requests } from '../server-requests.ts';
import { HELLO, VERIFY_HELLO, WAIT } from '../tasks.ts';

/** How long the long one is watched, in milliseconds. */
const WATCHED_MS = 30_000;
const HEARTBEATS = 'RecordActivityTaskHeartbeat';

export const requests: Measurement = {
  name: 'requests',
  defaultRuns: 5,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const small: number[] = [];
    for (let run = 1; run <= runs; run++) {
      const label = `small-${run}`;
      const before = await serverRequests(rig.folder);
      await rig.spawn({ label, task: HELLO, verify: [VERIFY_HELLO] });
      await rig.arrivals.of(label);
      small.push(total(since(before, await serverRequests(rig.folder))));
    }
    await rig.spawn({ label: 'long', task: WAIT });
    await rig.shells('ours', 1);
    const before = await serverRequests(rig.folder);
    await delay(WATCHED_MS);
    const made = since(before, await serverRequests(rig.folder));
    const aMinute = 60_000 / WATCHED_MS;
    return [
      { name: 'requests-of-a-subagent', unit: 'requests', value: median(small) },
      { name: 'requests-a-minute', unit: 'requests', value: rounded(total(made) * aMinute) },
      {
        name: 'heartbeats-a-minute',
        unit: 'requests',
        value: rounded((made.get(HEARTBEATS) ?? 0) * aMinute),
      },
    ];
  },
};

const since = (before: Requests, after: Requests): Requests =>
  new Map([...after].map(([operation, count]) => [operation, count - (before.get(operation) ?? 0)]));

const total = (made: Requests): number => [...made.values()].reduce((sum, each) => sum + each, 0);
