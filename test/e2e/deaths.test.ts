/** A command that takes its worker with it each time: the subagent ends with that said, and others on the worker do not. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet([on('make', [bash('echo made > made.txt'), { text: 'Made.' }])]);
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

it(
  'a verification that kills its worker is not repeated for ever, and the work is kept',
  { timeout: 480_000 },
  async () => {
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
