/**
 * Number of events that a small subagent (a worktree, one turn, one verification) adds to its own and its session's
 * history.
 */
import { sessionWorkflowId, subagentWorkflowId } from '../../src/contract/index.ts';
import { median } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';
import { HELLO, VERIFY_HELLO } from '../tasks.ts';
import { historyLength, withClient } from '../temporal.ts';

export const historyEvents: Measurement = {
  name: 'history-events',
  defaultRuns: 5,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    return await withClient(rig, async (client) => {
      const own: number[] = [];
      const sessions: number[] = [];
      const session = sessionWorkflowId(rig.session.name);
      for (let run = 1; run <= runs; run++) {
        const label = `events-${run}`;
        const before = await historyLength(client, session);
        await rig.spawn({ label, task: HELLO, verify: [VERIFY_HELLO] });
        await rig.arrivals.of(label);
        own.push(await historyLength(client, subagentWorkflowId(rig.session.name, label)));
        sessions.push((await historyLength(client, session)) - before);
      }
      return [
        { name: 'history-events-of-a-subagent', unit: 'events', value: median(own) },
        { name: 'history-events-in-its-session', unit: 'events', value: median(sessions) },
      ];
    });
  },
};
