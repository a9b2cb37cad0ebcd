/** A worker that stays away: announced, once, and so is its return; or given up, and then its subagents end as lost. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SessionHandle } from '../../src/client/index.ts';
import { HEARTBEAT_INTERVAL_MS, HEARTBEAT_TIMEOUT_MS } from '../../src/contract/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet } from '../support/fleet.ts';
import { gitThatHangs } from '../support/git-shim.ts';
import { temporaryFolder } from '../support/home.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, withClient } from '../support/world.ts';

const MAKES = on('make', [bash('echo made > made.txt'), { text: 'Made.' }]);
const toldIn =
  (session: SessionHandle) =>
  async (label: string): Promise<string[]> =>
    (await session.peek()).filter((each) => each.label === label).map(({ kind }) => kind);

// A worker is looked for after half a minute, and the server forgets a dead poller after minutes: each has a fleet of its own, and
// they wait side by side.
describe.concurrent('a worker that is away', { timeout: 480_000 }, () => {
  it('is announced once for each subagent that waits for it, and again when it is back or given up', async () => {
    await using fleet = await startFleet([
      MAKES,
      on('sit', [bash('echo mine > own.txt && git add . && git commit -qm own && sleep 543')]),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
        { text: 'That one.' },
      ]),
    ]);
    await using subagents = await fleet.connect();
    const first = fleet.worker;
    const session = () => subagents.session('away');
    const told = toldIn(session());
    const options = { cwd: fleet.repository.path };
    await session().spawn(
      [
        { label: 'sitter', task: 'sit' },
        { label: 'forced', task: 'sit, too' },
        { label: 'asker', task: 'ask' },
        { label: 'doomed', task: 'sit, also' },
        { label: 'maker', task: 'make' },
      ],
      options,
    );
    await session().subagent('maker').result();
    await inItsShell(subagents, 'away', 'doomed');
    await inItsShell(subagents, 'away', 'sitter');
    await inItsShell(subagents, 'away', 'forced');
    await eventually(async () => (await session().subagent('asker').describe()).questions.length > 0);

    // The other one runs the workflows on.
    const second = await fleet.startWorker(join(fleet.home, '..', 'second-home'));
    await expect(subagents.forgetWorker(first.workerId)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const asking = (await session().list()).live.find(({ label }) => label === 'asker');
    expect(asking).toMatchObject({ status: 'asking' });
    expect(Date.parse(asking?.since ?? '')).toBeGreaterThan(Date.parse(asking?.startedAt ?? ''));
    const diedAt = Date.now();
    await first.kill();
    // Long before the server has given up what it was at.
    const dead = await eventually(async () => {
      const row = (await session().list()).live.find(({ label }) => label === 'sitter');
      const seenAt = Date.now();
      return row && (row.away || row.status !== 'working') ? { ...row, seenAt } : undefined;
    });
    // Where that took its time on a busy machine, the server has: it counts from the last heartbeat, which was before the death.
    if (dead.seenAt < diedAt + HEARTBEAT_TIMEOUT_MS - HEARTBEAT_INTERVAL_MS) {
      expect(dead.away?.workerId).toBe(first.workerId);
      expect(Date.parse(dead.away?.since ?? '')).toBeLessThan(diedAt + 5_000);
      const { status, away } = await session().subagent('sitter').describe();
      expect(status === 'queued' || away !== undefined).toBe(true);
    }
    await session().subagent('asker').answer('This.');
    await eventually(async () => (await told('sitter')).includes('worker-away'));
    await eventually(async () => (await told('asker')).includes('worker-away'));
    const { status, doing } = await session().subagent('sitter').describe();
    expect(status).toBe('queued');
    expect(doing).toContain(`waits for worker ${first.workerId}, away since 20`);

    const { status: forced } = await session().subagent('forced').kill({ force: true });
    expect(forced).toBe('lost');

    // A kill waits for the worker, and says so.
    await eventually(async () => (await told('doomed')).includes('worker-away'));
    const killed = session().subagent('doomed').kill();
    await eventually(async () => (await told('doomed')).length === 2);

    await fleet.startWorker();
    await killed;
    const { notes } = await session().subagent('doomed').result();
    expect(notes.join()).toMatch(`the stop waited for worker ${first.workerId}, which was away from 20`);
    expect(await told('doomed')).toEqual(['worker-away', 'worker-away', 'notice', 'killed']);
    await inItsShell(subagents, 'away', 'sitter');
    expect((await session().subagent('asker').result()).report).toBe('That one.');
    expect(await told('asker')).toEqual(['question', 'worker-away', 'notice', 'completed']);
    expect(await told('sitter')).toEqual(['worker-away', 'notice']);

    await fleet.worker.kill();
    // One that goes on in the workspace of its run before waits for that worker too.
    await session().subagent('maker').continue('More.');
    const lost = await eventually(() =>
      subagents.forgetWorker(first.workerId).catch((error: { code?: string }) => {
        if (error.code !== 'BAD_INPUT') throw error as Error;
        return undefined; // the server still takes it for there
      }),
    );
    expect(lost.map(({ label }) => label).sort()).toEqual(['maker', 'sitter']);
    const made = await fleet.repository.git('rev-parse', 'subagents/maker');
    expect((await session().subagent('maker').result()).summary).toContain(made);
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

    // No question was kept back: it was announced before anything was asked of the worker.
    const steps = await withClient(fleet, async ({ workflow }) => {
      const { events } = await workflow.getHandle('subagent/away/asker').fetchHistory();
      return (events ?? []).flatMap((event) => {
        const signalled = event.signalExternalWorkflowExecutionInitiatedEventAttributes?.signalName;
        return signalled ?? event.activityTaskScheduledEventAttributes?.activityType?.name ?? [];
      });
    });
    expect(steps.indexOf('announce')).toBeLessThan(steps.indexOf('stopSubagent'));
  });

  it('is announced whatever was to be done there when it died; waiting is no work, and a steer on its way gets in', async () => {
    await using folder = await temporaryFolder();
    const goOn = join(folder.path, 'go-on');
    const shim = await gitThatHangs(folder.path, [
      { of: '/gathered@', when: 'before', call: 'collected', until: goOn },
    ]);
    await using fleet = await startFleet(
      [
        on('flaky', ({ text }) => {
          if (!text.includes('MORE')) return { text: 'Ready.' };
          return existsSync(goOn) ? { text: 'Let in.' } : { error: { status: 503, message: 'busy' } };
        }),
        // The steer may reach it before or after it has gone on, with a call that then ends in the background.
        on('listen', ({ text, answers }) =>
          text.includes('one word') ? { text: 'Heard.' } : bash(answers === 0 ? 'sleep 544' : 'sleep 2'),
        ),
        MAKES,
      ],
      { env: shim.env },
    );
    await using subagents = await fleet.connect();
    const later = subagents.session('later');
    const options = { cwd: fleet.repository.path };
    const kinds = toldIn(later);
    const struck = fleet.worker;
    const labels = ['flaky', 'listener', 'gathered'];
    await later.spawn(
      [
        { label: 'flaky', task: 'be flaky' },
        { label: 'listener', task: 'listen' },
        { label: 'gathered', task: 'make' },
      ],
      options,
    );
    await later.subagent('flaky').result();
    await inItsShell(subagents, 'later', 'listener');
    await eventually(() =>
      readdirSync(join(fleet.home, 'leases')).some((name) => name.startsWith('collect')),
    );
    // The other one runs the workflows on.
    await fleet.startWorker(join(fleet.home, '..', 'second-home'));

    await later.subagent('flaky').continue('MORE');
    // Its next attempt is due before the server knows that the worker is dead.
    await eventually(async () =>
      (await later.subagent('flaky').describe()).doing.startsWith('next attempt at'),
    );
    await struck.kill();
    const steered = later.subagent('listener').steer('one word', { timeoutMs: 240_000 });
    for (const label of labels) await eventually(async () => (await kinds(label)).includes('worker-away'));

    writeFileSync(goOn, '');
    await fleet.startWorker();
    expect((await steered).delivery).not.toBe('held');
    expect(await later.subagent('listener').result()).toMatchObject({ report: 'Heard.', turns: 1 });
    expect(fleet.model.timesSaid('one word')).toBe(1);
    const { report, durations } = await later.subagent('flaky').result();
    expect(report).toBe('Let in.');
    // Of the half minute, at least, until its worker was looked for.
    expect(durations.totalMs - durations.workingMs).toBeGreaterThan(25_000);
    expect(await later.subagent('gathered').result()).toMatchObject({ status: 'done' });
    for (const label of labels)
      expect((await kinds(label)).slice(-3)).toEqual(['worker-away', 'notice', 'completed']);
  });
});
