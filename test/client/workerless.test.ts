import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SubagentsError, type Subagents } from '../../src/client/index.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { eventually } from '../support/eventually.ts';
import { bash, on } from '../support/turns.ts';
import { processesWith, withClient } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('wait', [bash('sleep 1234'), { text: 'Waited.' }]),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
        { text: 'That one.' },
      ]),
    ],
    { worker: false },
  );
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
    // As its worker says while what it does waits for space.
    const space = (signal: object): Promise<void> =>
      withClient(fleet, (client) =>
        client.workflow.getHandle('subagent/left/waiter').signal('space', signal),
      );
    const stalled = async () => (await session.subagent('waiter').describe()).stalled;
    await space({ lack: 'only 1 MB are free' });
    await eventually(async () => (await stalled())?.reason === 'space');
    await space({ lack: 'only 2 MB are free' });
    await eventually(async () => (await stalled())?.detail === 'only 2 MB are free');
    await space({});
    await eventually(async () => (await stalled()) === undefined);
    const told = await eventually(async () => {
      const summaries = (await session.peek()).map(({ summary }) => summary);
      return summaries.length > 0 && summaries;
    });
    expect(told).toEqual(['waits for disk space: only 1 MB are free']);

    // Alive, as far as the server knows, and silent.
    process.kill(worker.pid, 'SIGSTOP');
    const subagent = session.subagent('waiter');
    const silent = await Promise.all([refusal(subagent.transcript().next()), refusal(subagent.diff())]);
    expect(silent.map(({ code }) => code)).toEqual(['TIMEOUT', 'TIMEOUT']);
    for (const { message, remedy } of silent) {
      expect(message).toMatch(/^waiter did not answer in time, although a worker is running/);
      expect(remedy).toMatch(/^try again/);
    }
    await worker.kill();

    const listed = await session.list();
    expect(listed.notes.join()).toMatch(/^a session did not answer in time, although .*try again/);
    expect(listed).toMatchObject({
      workerless: true,
      unacknowledged: null,
      live: [
        {
          label: 'waiter',
          run: 1,
          status: 'working',
          task: 'wait',
          // Not as one that works.
          away: { since: expect.stringMatching(/^20/) as string },
        },
      ],
    });
    const { workerless, sessions } = await subagents.list();
    expect([workerless, sessions.map(({ live }) => live.length)]).toEqual([true, [1]]);
    const description = await session.subagent('wait').describe();
    expect(description).toMatchObject({ label: 'waiter', workerless: true, turns: 0 });
    expect(description.notes.join()).toMatch(
      /waiter did not answer in time, .* the last state that the server has/,
    );
    expect((await refusal(session.subagent('waiter').steer('Hello?', { timeoutMs: 500 }))).code).toBe(
      'TIMEOUT',
    );
    expect((await refusal(session.subagent('waiter').kill({ timeoutMs: 500 }))).code).toBe('TIMEOUT');

    await fleet.startWorker();
    expect((await session.subagent('waiter').result()).status).toBe('killed');
    // Each Query waits in vain for its whole deadline.
  });

  it('a subagent is ended by force, and a worker given up, though nobody is left to do it', async () => {
    const { worker } = fleet;
    const session = subagents.session('forced');
    const labels = ['one', 'two', 'asker'];
    await session.spawn(
      labels.map((label) => ({ label, task: label === 'asker' ? 'ask' : 'wait' })),
      { cwd: fleet.repository.path },
    );
    for (const label of labels)
      await eventually(async () => /working|asking/.test((await session.subagent(label).describe()).status));
    await eventually(async () => (await session.subagent('asker').describe()).status === 'asking');
    const unknown = await refusal(subagents.forgetWorker('w-nonesuch'));
    expect(unknown).toMatchObject({
      code: 'UNKNOWN_TARGET',
      remedy: `live subagents are on: ${worker.workerId}`,
    });
    await worker.kill();

    const { status, outcome } = await session.subagent('one').kill({ force: true });
    expect(status).toBe('lost');
    expect(outcome.summary).toMatch(
      /^lost: terminated by kill --force, because (no worker is running|its workflow did not answer)$/,
    );
    await expect(session.subagent('one').result()).rejects.toMatchObject({ code: 'LOST' });
    const given = await eventually(() =>
      subagents.forgetWorker(worker.workerId).catch((error: { code?: string }) => {
        if (error.code !== 'BAD_INPUT') throw error as Error;
        return undefined; // the server still takes it for there
      }),
    );
    expect(given.map(({ label }) => label).sort()).toEqual(['asker', 'two']);
    const again = await refusal(subagents.forgetWorker(worker.workerId));
    expect(again).toMatchObject({
      code: 'UNKNOWN_TARGET',
      remedy: expect.stringContaining('there is no worker to give up') as string,
    });

    await fleet.startWorker();
    await eventually(
      async () =>
        (await session.peek().catch(() => [])).filter((each) => each.status === 'lost').length === 3,
    );
    // What its worker had left of them is ended by the next one in its home.
    await eventually(() => processesWith('sleep 1234').length === 0);
  }, 300_000);
});
