import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SubagentsError, type Subagents } from '../../src/client/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet([on('wait', [bash('sleep 120'), { text: 'Waited.' }])], { worker: false });
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

async function refusal(promise: Promise<unknown>): Promise<SubagentsError> {
  const error: unknown = await promise.then(
    (value) => new Error(`it went well: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof SubagentsError) return error;
  throw error;
}

describe('without a worker', () => {
  it('a spawn is refused at once, and starts nothing', async () => {
    const spawning = subagents.session().spawn({ label: 'a', task: 'wait' }, { cwd: fleet.repository.path });
    const error = await refusal(spawning);
    expect(error.code).toBe('NO_WORKER');
    expect(error.message).toContain(fleet.server.address);
    expect(error.remedy).toContain('subagents up');
    expect(await subagents.sessions()).toEqual([]);
  });

  it('lists say so', async () => {
    expect(await subagents.hasWorkers()).toBe(false);
    const { workerless, notes, sessions } = await subagents.list();
    expect([workerless, sessions]).toEqual([true, []]);
    expect(notes.join()).toMatch(/no worker is running \(Temporal at .*namespace "default"\)/);
    expect(await subagents.session().list()).toMatchObject({
      workerless: true,
      live: [],
      unacknowledged: null,
    });
  });

  it('what a dead worker left is listed, described and still to be killed', async () => {
    const worker = await fleet.startWorker();
    const session = subagents.session('left');
    await session.spawn({ label: 'waiter', task: 'wait' }, { cwd: fleet.repository.path });
    for (let status = ''; status !== 'working';)
      status = (await session.subagent('waiter').describe()).status;
    await worker.kill();

    expect(await session.list()).toMatchObject({
      workerless: true,
      unacknowledged: null,
      live: [
        {
          ...{ label: 'waiter', run: 1, status: 'working', task: 'wait' },
          // Not as one that works.
          away: { workerId: worker.workerId, since: expect.stringMatching(/^20/) as string },
        },
      ],
    });
    const { workerless, sessions } = await subagents.list();
    expect([workerless, sessions.map(({ live }) => live.length)]).toEqual([true, [1]]);
    const description = await session.subagent('wait').describe();
    expect(description).toMatchObject({ label: 'waiter', workerless: true, turns: 0 });
    expect(description.notes.join()).toContain('no worker is running');
    expect((await refusal(session.subagent('waiter').steer('Hello?', { timeoutMs: 500 }))).code).toBe(
      'TIMEOUT',
    );
    expect((await refusal(session.subagent('waiter').kill({ timeoutMs: 500 }))).code).toBe('TIMEOUT');

    await fleet.startWorker();
    expect((await session.subagent('waiter').result()).status).toBe('killed');
    // Each Query waits in vain for its whole deadline.
  }, 120_000);
});
