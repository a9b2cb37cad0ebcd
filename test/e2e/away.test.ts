/** A worker that stays away: announced, once, and so is its return; or given up, and then its subagents end as lost. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet, type WorkerProcess } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
let first: WorkerProcess;

beforeAll(async () => {
  fleet = await startFleet([
    on('sit', [bash('echo mine > own.txt && git add . && git commit -qm own && sleep 543')]),
    on('ask', [
      { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
      { text: 'That one.' },
    ]),
  ]);
  subagents = await fleet.connect();
  first = fleet.worker;
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const session = () => subagents.session('away');
const told = async (label: string): Promise<string[]> =>
  (await session().peek()).filter((each) => each.label === label).map(({ kind }) => kind);

// The server forgets a dead poller after minutes.
describe('a worker that is away', { timeout: 480_000 }, () => {
  it('is announced once for each subagent that waits for it, and again when it is back or given up', async () => {
    const options = { cwd: fleet.repository.path };
    await session().spawn(
      [
        { label: 'sitter', task: 'sit' },
        { label: 'forced', task: 'sit, too' },
        { label: 'asker', task: 'ask' },
      ],
      options,
    );
    await inItsShell(subagents, 'away', 'sitter');
    await inItsShell(subagents, 'away', 'forced');
    await eventually(async () => (await session().subagent('asker').describe()).questions.length > 0);

    // The other one runs the workflows on.
    const second = await fleet.startWorker(join(fleet.home, '..', 'second-home'));
    await expect(subagents.forgetWorker(first.workerId)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const asking = (await session().list()).live.find(({ label }) => label === 'asker');
    expect(asking).toMatchObject({ status: 'asking' });
    expect(Date.parse(asking?.since ?? '')).toBeGreaterThan(Date.parse(asking?.startedAt ?? ''));
    const killed = Date.now();
    await first.kill();
    // Long before the server has given up what it was at.
    const dead = await eventually(async () => {
      const row = (await session().list()).live.find(({ label }) => label === 'sitter');
      return row?.away || row?.status !== 'working' ? row : undefined;
    });
    // Where that took its time on a busy machine, the server has.
    if (dead.status === 'working') {
      expect(dead.away?.workerId).toBe(first.workerId);
      expect(Date.parse(dead.away?.since ?? '')).toBeLessThan(killed + 5_000);
    }
    await session().subagent('asker').answer('This.');
    await eventually(async () => (await told('sitter')).includes('worker-away'));
    await eventually(async () => (await told('asker')).includes('worker-away'));
    const { status, doing } = await session().subagent('sitter').describe();
    expect(status).toBe('queued');
    expect(doing).toContain(`waits for worker ${first.workerId}, which is away since 20`);

    const { status: forced } = await session().subagent('forced').kill({ force: true });
    expect(forced).toBe('lost');

    await fleet.startWorker();
    await inItsShell(subagents, 'away', 'sitter');
    expect((await session().subagent('asker').result()).report).toBe('That one.');
    expect(await told('asker')).toEqual(['question', 'worker-away', 'notice', 'completed']);
    expect(await told('sitter')).toEqual(['worker-away', 'notice']);

    await fleet.worker.kill();
    const lost = await eventually(() =>
      subagents.forgetWorker(first.workerId).catch((error: { code?: string }) => {
        if (error.code !== 'BAD_INPUT') throw error as Error;
        return undefined; // the server still takes it for there
      }),
    );
    expect(lost.map(({ label }) => label)).toEqual(['sitter']);
    const outcome = await session().subagent('sitter').result();
    const tip = await fleet.repository.git('rev-parse', 'subagents/sitter');
    expect(outcome).toMatchObject({ status: 'lost', failure: { class: 'worker' } });
    expect(outcome.summary).toContain(tip);
    expect((await session().list()).finished.find(({ label }) => label === 'sitter')).toMatchObject({
      status: 'lost',
      head: tip,
      branch: 'subagents/sitter',
    });
    expect(second.workerId).not.toBe(first.workerId);
  }, 240_000); // a worker is looked for after half a minute
});
