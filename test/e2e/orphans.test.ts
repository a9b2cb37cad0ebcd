/** A session that is terminated leaves its subagents alive: they are found, can be killed, and the next session of its name takes them over. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, processesWith, temporal } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('say done', [{ text: 'Nothing to do.' }]),
      on('listen', [bash('until [ -e "$HOME/go-on" ]; do sleep 0.1; done'), { text: 'Heard it.' }]),
      on('stay', [bash('until [ -e "$HOME/go-later" ]; do sleep 0.1; done'), { text: 'Stayed.' }]),
      on('sit', [bash('nohup setsid sleep 7654.5 >/dev/null 2>&1 & sleep 7653.5')]),
    ],
    { env: { SUBAGENTS_SLOTS: '3' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const session = () => subagents.session('gone');
const ends = async () =>
  (await session().peek()).map(({ id, status, summary }) => `${id} ${status}: ${summary}`).sort();

describe('a session that was terminated', () => {
  it('leaves orphans, which lists show; one that is killed leaves no process, and releases its slot', async () => {
    const options = { cwd: fleet.repository.path };
    await session().spawn(
      [
        { label: 'stays', task: 'stay' },
        { label: 'ends', task: 'listen' },
        { label: 'killed', task: 'sit' },
      ],
      options,
    );
    for (const label of ['stays', 'ends', 'killed']) await inItsShell(subagents, 'gone', label);
    // Its worker soon opens it again: until one look at it is faster.
    const { live, notes } = await eventually(async () => {
      await temporal(fleet, 'workflow', 'terminate', '-w', 'session/gone').catch(() => undefined);
      const list = await session().list();
      return list.live.some(({ orphan }) => orphan === true) ? list : undefined;
    });
    expect(live.map(({ label, status, orphan }) => `${label} ${status} ${orphan}`).sort()).toEqual(
      ['ends', 'killed', 'stays'].map((label) => `${label} working true`),
    );
    expect(notes.join()).toContain('3 of its subagents are live');
    const everywhere = await eventually(async () => {
      await temporal(fleet, 'workflow', 'terminate', '-w', 'session/gone').catch(() => undefined);
      const fleetList = await subagents.list();
      return fleetList.notes.length > 0 ? fleetList : undefined; // what the server lists lags behind
    });
    expect(everywhere.sessions.find((each) => each.session === 'gone')?.live.length).toBe(3);
    expect(everywhere.notes.join()).toContain('session "gone" has ended');

    const report = await (await subagents.find('killed')).kill();
    expect(report).toMatchObject({ status: 'killed', sweep: { left: [], proof: 'proven' } });
    expect(report.sweep?.found).toBeGreaterThan(0);
    expect(processesWith('sleep 765')).toEqual([]);
    const other = subagents.session('other');
    await other.spawn({ label: 'roomy', task: 'sit, too' }, options);
    await inItsShell(subagents, 'other', 'roomy');
  });

  it('has a successor that takes over who lives, and announces who ended when there was nobody to tell', async () => {
    const options = { cwd: fleet.repository.path };
    writeFileSync(join(fleet.home, '..', 'go-on'), '');
    expect((await session().subagent('ends').result()).report).toBe('Heard it.');

    // The first spawn starts it, and finds the label taken.
    await expect(session().spawn({ label: 'stays', task: 'say done' }, options)).rejects.toMatchObject({
      code: 'LABEL_LIVE',
    });
    const { live, notes } = await session().list();
    expect(live.map(({ label }) => label)).toContain('stays');
    expect(live.some(({ orphan }) => orphan)).toBe(false);
    expect(notes).toEqual([]);
    await eventually(async () => (await ends()).length === 2);
    expect(await ends()).toEqual([
      'ends@1:ended done: Heard it.',
      expect.stringMatching(/^killed@1:ended killed: killed in turn 1; \d+ process(es)? found, 0 left$/),
    ]);
    expect(await session().spawn({ label: 'ends', task: 'say done' }, options)).toMatchObject({ run: 2 });
    await session().subagent('ends').result();

    writeFileSync(join(fleet.home, '..', 'go-later'), '');
    expect((await session().subagent('stays').result()).report).toBe('Stayed.');
    await eventually(async () => (await session().list()).live.length === 0);
    expect((await ends()).filter((end) => /^(stays|ends@2)/.test(end))).toEqual([
      'ends@2:ended done: Nothing to do.',
      'stays@1:ended done: Stayed.',
    ]);
    expect((await session().list()).finished.map(({ label, run }) => `${label}@${run}`).sort()).toEqual([
      'ends@1',
      'ends@2',
      'killed@1',
      'stays@1',
    ]);
  });
});
