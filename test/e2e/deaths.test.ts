/** A command that takes its worker with it each time: the subagent ends with that said, and others on the worker do not. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startFleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

/** More than the losses in a row that a turn survives. */
const STEPS = 12;

// Each in a fleet of its own, side by side: most of it is waiting.
describe.concurrent('a worker that dies again and again', () => {
  it(
    'a verification that kills its worker is not repeated for ever, and the work is kept',
    { timeout: 480_000 },
    async () => {
      await using fleet = await startFleet([on('make', [bash('echo made > made.txt'), { text: 'Made.' }])]);
      await using subagents = await fleet.connect();
      const session = subagents.session('deaths');
      const verify = ['sleep 654'];
      await session.spawn({ label: 'killer', task: 'make', verify }, { cwd: fleet.repository.path });
      let outcome: Awaited<ReturnType<ReturnType<typeof session.subagent>['result']>> | undefined;
      void session
        .subagent('killer')
        .result()
        .then(
          (it) => (outcome = it),
          () => undefined,
        );
      const verifying = (): boolean =>
        readdirSync(join(fleet.home, 'leases')).some((name) => name.startsWith('verifyCommit'));
      let deaths = 0;
      for (;;) {
        await eventually(() => verifying() || outcome !== undefined);
        if (outcome !== undefined) break;
        await fleet.worker.kill();
        deaths++;
        await fleet.startWorker();
      }
      expect(deaths).toBe(7);
      expect(outcome).toMatchObject({
        status: 'failed',
        failure: { class: 'worker', message: 'its worker died 7 times in a row during its verification' },
        evidence: { filesChanged: ['made.txt'] },
      });
      expect(await fleet.repository.git('show', 'subagents/killer:made.txt')).toBe('made');
    },
  );

  it(
    'a turn that comes further each time outlives the deaths of its worker',
    { timeout: 480_000 },
    async () => {
      const step = (n: number) => bash(`sleep ${600 + n}`, { initial_wait: 600 });
      const steps = Array.from({ length: STEPS }, (_, n) => step(n));
      await using fleet = await startFleet([on('count', [...steps, { text: 'Counted.' }])]);
      await using subagents = await fleet.connect();
      const subagent = subagents.session('deaths').subagent('counter');
      await subagents
        .session('deaths')
        .spawn({ label: 'counter', task: 'count' }, { cwd: fleet.repository.path });
      for (let n = 0; n < STEPS; n++) {
        await eventually(async () => {
          const { status, doing } = await subagent.describe();
          return status === 'failed' || doing === `bash: sleep ${600 + n}`;
        });
        await fleet.worker.kill();
        await fleet.startWorker();
      }
      expect(await subagent.result()).toMatchObject({ status: 'done', report: 'Counted.', turns: 1 });
    },
  );
});
