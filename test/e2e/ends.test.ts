/** An end is told whatever keeps the worker from bringing it about in order, and whoever should have told it. */
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { MAIN_QUEUE } from '../../src/contract/index.ts';
import { emptySession } from '../../workflows/session/session-state.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, COMMITS_AT_ITS_END, on } from '../support/turns.ts';
import { inItsShell, processesWith, statusOf, temporal, withClient } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('say done', [{ text: 'Nothing to do.' }]),
      on('sit', [bash('sleep 7651.5'), { text: 'Sat.' }]),
      on('commit late', [bash(COMMITS_AT_ITS_END), { text: 'Left it running.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '1' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const cwd = () => ({ cwd: fleet.repository.path });
const announced = async (session: string) =>
  (await subagents.session(session).peek()).map(({ id, status }) => `${id} ${status}`);

describe('an end', () => {
  it('says when something that was left running moved the branch after the work was collected', async () => {
    const session = subagents.session('moved');
    await session.spawn({ label: 'late', task: 'commit late' }, cwd());
    const { status, evidence, caveats } = await session.subagent('late').result();
    const [late, before] = (await fleet.repository.git('log', '--format=%H', '-2', 'subagents/late')).split(
      '\n',
    );
    expect(status).toBe('done');
    expect(evidence?.head).toBe(before);
    expect(caveats).toMatchObject([{ kind: 'branch-moved', grade: 'blocking' }]);
    expect(caveats[0]?.text).toContain(
      `the branch subagents/late was moved to ${late} after its work was collected`,
    );
  });
});

describe('a kill', () => {
  it('that the worker cannot carry out in order is told, with what is not known', async () => {
    const session = subagents.session('unstopped');
    await session.spawn({ label: 'sits', task: 'sit' }, cwd());
    await inItsShell(subagents, 'unstopped', 'sits');
    const { copilotSessionId } = await session.subagent('sits').describe();
    // Where secrets are to be overwritten there is no file any more.
    const log = join(fleet.home, 'copilot', 'session-state', String(copilotSessionId), 'events.jsonl');
    renameSync(log, `${log}.away`);
    mkdirSync(log);

    const report = await session.subagent('sits').kill();
    expect(report).toMatchObject({ status: 'killed', sweep: { proof: 'unproven' } });
    expect(await session.list()).toMatchObject({ live: [], finished: [{ label: 'sits', status: 'killed' }] });
    expect(await announced('unstopped')).toEqual(['sits@1:ended killed']);
    const { outcome } = await session.subagent('sits').describe();
    expect(outcome?.notes.join()).toContain('the worker could not stop this subagent cleanly: EISDIR');
    expect(outcome?.summary).toContain('not proven that no process is left');
    // What could be ended was.
    expect(processesWith('sleep 7651.5')).toEqual([]);
    await session.spawn({ label: 'sits', task: 'say done' }, cwd());
    await session.subagent('sits').result();
  });
});

describe('a worker that can write no lease', () => {
  it('still ends a subagent, and is asked for a slot ever more rarely', async () => {
    const session = subagents.session('no-leases');
    await session.spawn({ label: 'sits', task: 'sit' }, cwd());
    await inItsShell(subagents, 'no-leases', 'sits');
    await session.spawn({ label: 'waits', task: 'say done' }, cwd());
    const leases = join(fleet.home, 'leases');
    renameSync(leases, `${leases}.away`);
    const report = await session.subagent('sits').kill();
    expect(report).toMatchObject({ status: 'killed', sweep: { left: [], proof: 'proven' } });

    const asked = async (): Promise<number> => {
      const history = await temporal(
        fleet,
        'workflow',
        'show',
        '-w',
        'subagent/no-leases/waits',
        '-o',
        'json',
      );
      const { events } = JSON.parse(history) as {
        events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
      };
      return events.filter((e) => e.activityTaskScheduledEventAttributes?.activityType.name === 'holdSlot')
        .length;
    };
    // Why a spawn fails is said as it is: the worker is there.
    await expect(session.spawn({ label: 'late', task: 'say done' }, cwd())).rejects.toMatchObject({
      code: 'FILE_ACCESS',
      message: expect.stringContaining('cannot write') as string,
      remedy: expect.stringContaining('leases') as string,
    });
    await eventually(async () => (await asked()) > 1);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await asked()).toBeLessThan(4);
    renameSync(`${leases}.away`, leases);
    expect(await session.subagent('waits').result()).toMatchObject({ status: 'done' });
  });
});

describe('an end that a session has not heard of', () => {
  it('is told in the name of the subagent, so that the session can go on and end', async () => {
    await subagents.session('first').spawn({ label: 'over', task: 'say done' }, cwd());
    await subagents.session('first').subagent('over').result();
    const entry = await subagents
      .session('first')
      .list()
      .then(({ finished }) => finished[0]);
    const live = { ...entry, status: 'queued', endedAt: undefined };
    await withClient(fleet, (client) =>
      client.workflow.start('session', {
        workflowId: 'session/deaf',
        taskQueue: MAIN_QUEUE,
        args: [{ name: 'deaf', state: { ...emptySession(), live: { over: live }, runs: { over: 1 } } }],
      }),
    );
    await eventually(async () => (await subagents.session('deaf').list()).live.length === 0);
    expect(await announced('deaf')).toEqual(['over@1:ended done']);
    await temporal(fleet, 'workflow', 'cancel', '-w', 'session/deaf');
    await eventually(async () => (await statusOf(fleet, 'session/deaf')) === 'CANCELLED');
  });
});
