/** Lists of more subagents than can each be looked at. */
import { expect, it } from 'vitest';
import { PATIENCE_MS } from '../support/eventually.ts';
import { startFleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

const COUNT = 104;

it(
  'looks at those that work, and at all that are queued at once',
  async () => {
    await using fleet = await startFleet([on('sit', [bash('sleep 600'), { text: 'Sat.' }])], {
      env: { SUBAGENTS_SLOTS: '1' },
    });
    await using subagents = await fleet.connect();
    const session = subagents.session('many');
    const specs = Array.from({ length: COUNT }, (_, index) => ({ label: `s${index}`, task: 'sit' }));
    const spawned = await session.spawn(specs, { cwd: fleet.repository.path });
    expect(spawned.filter((each) => 'code' in each)).toEqual([]);
    const summary = async () => {
      const { live } = await session.list();
      const working = live.filter(({ status }) => status === 'working');
      const queued = live.filter(({ status }) => status === 'queued');
      return {
        working: working.map(({ progress }) => progress?.doing),
        queued: queued.length,
        // What the server has under way for each is not asked of each.
        since: queued.filter(({ since }) => since !== undefined).length,
      };
    };
    await expect
      .poll(summary)
      .toEqual({ working: [expect.stringMatching(/^bash: sleep 600/)], queued: COUNT - 1, since: 0 });
  },
  2 * PATIENCE_MS,
);
