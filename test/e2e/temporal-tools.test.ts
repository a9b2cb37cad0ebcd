/** The plain temporal CLI (and so the Web UI, which does the same) steers, kills and ends sessions like our own tools. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subagents } from '../../src/client/index.ts';
import { SEARCH_ATTRIBUTES } from '../../src/contract/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, processesWith, statusOf, temporal, withClient } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('say done', [{ text: 'Nothing to do.' }]),
      on('sleep ', [bash('nohup setsid sleep 1234.5 >/dev/null 2>&1 & sleep 1233.5'), { text: 'Slept.' }]),
      on('wonder', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
        { text: 'Either.' },
      ]),
      on('ask ', [
        bash('nohup setsid sleep 1235.5 >/dev/null 2>&1 &'),
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
      ]),
      on('listen ', [bash('until [ -e "$HOME/go-on" ]; do sleep 0.1; done'), { text: 'Heard.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '6' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

async function spawn(session: string, label: string, task = `sleep ${label}`): Promise<void> {
  await subagents.session(session).spawn({ label, task }, { cwd: fleet.repository.path });
  await inItsShell(subagents, session, label);
}

const sleepers = (): number[] => processesWith('sleep 123');

describe('the temporal command', () => {
  it('steers, by signal with a plain string and by update with a receipt, in that order', async () => {
    await spawn('tools', 'listener', 'listen to me');
    const about = ['-w', 'subagent/tools/listener'];
    await temporal(fleet, 'workflow', 'signal', ...about, '--name', 'steer', '--input', '"first word"');
    const input = '{"message":"second word","id":"from-cli"}';
    const answer = await temporal(
      fleet,
      ...['workflow', 'update', 'execute', ...about, '--name', 'steerWithReceipt', '--input', input],
    );
    expect(answer).toContain('from-cli');
    writeFileSync(join(fleet.home, '..', 'go-on'), '');
    const listener = subagents.session('tools').subagent('listener');
    expect((await listener.result()).report).toBe('Heard.');
    const { steers } = await listener.describe();
    expect(steers.map(({ message }) => message)).toEqual(['first word', 'second word']);
    expect(steers.every(({ receipt }) => receipt !== undefined && receipt.delivery !== 'held')).toBe(true);
    const said = fleet.model.requests.at(-1)?.conversation?.userMessages.join('\n') ?? '';
    expect(said.indexOf('first word')).toBeGreaterThan(0);
    expect(said.indexOf('second word')).toBeGreaterThan(said.indexOf('first word'));
  });

  it('kills by cancellation, and the proof is in the outcome', async () => {
    await spawn('tools', 'cancelled');
    expect(sleepers().length).toBeGreaterThan(0);
    await temporal(fleet, 'workflow', 'cancel', '-w', 'subagent/tools/cancelled');
    const outcome = await subagents.session('tools').subagent('cancelled').result();
    expect(outcome).toMatchObject({ status: 'killed', sweep: { left: [], proof: 'proven' } });
    expect(outcome.sweep?.found).toBeGreaterThan(0);
    expect(outcome.usage).toMatchObject({ modelRequests: 1, toolCalls: 1 });
    expect(outcome.durations.workingMs).toBeGreaterThan(0);
    expect(sleepers()).toEqual([]);
    expect(await statusOf(fleet, 'subagent/tools/cancelled')).toBe('CANCELLED');
  });

  it('terminates, and the processes are swept and the session hears of it', async () => {
    await spawn('tools', 'terminated');
    await temporal(fleet, 'workflow', 'terminate', '-w', 'subagent/tools/terminated');
    await eventually(async () => (await subagents.session('tools').list()).live.length === 0);
    const told = await subagents.session('tools').peek();
    expect(told.at(-1)).toMatchObject({ label: 'terminated', status: 'lost' });
    await eventually(() => sleepers().length === 0);
  });

  it.each(['while its worker is there', 'while its worker is away'])(
    'terminates one that only waits for an answer, %s, and what it had left running is ended',
    async (when) => {
      const session = subagents.session('waits');
      const label = when.replaceAll(' ', '-');
      await session.spawn({ label, task: `ask ${label}` }, { cwd: fleet.repository.path });
      await eventually(async () => (await session.subagent(label).describe()).questions.length > 0);
      // It has released its slot: of what has a slot, a worker that stops ends the processes.
      await eventually(() => readdirSync(join(fleet.home, 'leases')).length === 0);
      expect(sleepers().length).toBeGreaterThan(0);
      const isAway = when.endsWith('away');
      if (isAway) await fleet.worker.stop();
      await temporal(fleet, 'workflow', 'terminate', '-w', `subagent/waits/${label}`);
      if (isAway) {
        expect(sleepers().length).toBeGreaterThan(0);
        await fleet.startWorker();
      }
      await eventually(() => sleepers().length === 0);
    },
  );

  it('cancels a session, and with it every subagent of it and of no other', async () => {
    await Promise.all([spawn('doomed', 'one'), spawn('doomed', 'two'), spawn('other', 'spared')]);
    await temporal(fleet, 'workflow', 'cancel', '-w', 'session/doomed');
    await eventually(async () => (await statusOf(fleet, 'session/doomed')) === 'CANCELLED');
    expect(await statusOf(fleet, 'subagent/doomed/one')).toBe('CANCELLED');
    expect(await statusOf(fleet, 'subagent/doomed/two')).toBe('CANCELLED');
    expect((await subagents.session('other').subagent('spared').describe()).status).toBe('working');
    expect((await subagents.session('other').subagent('spared').kill()).sweep?.left).toEqual([]);
  });
});

describe('a run in the Web UI', () => {
  it('says what it does now, what each activity and timer is for, and what it was of', async () => {
    const waiting = `until [ -e ${fleet.home}/../verified ]; do sleep 0.1; done`;
    await subagents
      .session('shown')
      .spawn(
        { label: 'wonders', task: 'wonder', answerTimeout: '1s', setup: ['true'], verify: [waiting] },
        { cwd: fleet.repository.path },
      );
    const panel = (): Promise<string> =>
      withClient(fleet, async (client) => {
        const asked = client.workflow
          .getHandle('subagent/shown/wonders')
          .query('__temporal_workflow_metadata');
        return ((await asked) as { currentDetails: string }).currentDetails;
      });
    const verifying = await eventually(async () => {
      const drawn = await panel();
      return drawn.startsWith('### Verifying') && drawn;
    });
    expect(verifying).toContain(`- runs \`${waiting}\``);
    writeFileSync(join(fleet.home, '..', 'verified'), '');
    const outcome = await subagents.session('shown').subagent('wonders').result();
    expect(await panel()).toMatch(/^### Done: 0 commits, verified by 1 command\n/);

    const { events, attributes } = await withClient(fleet, async (client) => {
      const handle = client.workflow.getHandle('subagent/shown/wonders');
      const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
      return { events: history.events ?? [], attributes: description.searchAttributes };
    });
    const whole = events.filter(
      ({ activityTaskScheduledEventAttributes: activity, timerStartedEventAttributes: timer }) =>
        activity ?? timer,
    );
    const of = (what: string): number =>
      whole.filter((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === what).length;
    for (const what of [
      'holdSlot',
      'prepareWorkspace',
      'setUpWorkspace',
      'runTurn',
      'verifyCommit',
      'stopSubagent',
    ])
      expect(of(what), what).toBeGreaterThan(0);
    expect(whole.some((event) => event.timerStartedEventAttributes)).toBe(true);
    const bare = whole.filter(({ userMetadata }) => !userMetadata?.summary?.data);
    expect(
      bare.map(({ activityTaskScheduledEventAttributes: it }) => it?.activityType?.name ?? 'timer'),
    ).toEqual([]);
    const text = (data: Uint8Array | null | undefined): string => Buffer.from(data ?? []).toString();
    expect(text(events[0]?.userMetadata?.summary?.data)).toBe('"wonders"');
    expect(text(events[0]?.userMetadata?.details?.data)).toContain(fleet.repository.path);
    // The task once: it stands in the details.
    expect(text(events[0]?.userMetadata?.details?.data)).toContain('wonder\\n');
    expect(await panel()).not.toContain('wonder\n');
    expect(outcome.model).toBeDefined();
    expect(attributes).toMatchObject({
      [SEARCH_ATTRIBUTES.session]: ['shown'],
      [SEARCH_ATTRIBUTES.label]: ['wonders'],
      [SEARCH_ATTRIBUTES.status]: ['done'],
      [SEARCH_ATTRIBUTES.repository]: [fleet.repository.path],
      [SEARCH_ATTRIBUTES.model]: [outcome.model],
    });
  });
});

describe('the timeline in the Web UI', () => {
  const historyOf = (workflowId: string) =>
    withClient(fleet, async (client) => {
      const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
      return events ?? [];
    });

  it('shows in red what failed: a verification, a set-up, a turn', async () => {
    const session = subagents.session('red');
    const task = 'say done';
    await session.spawn(
      [
        { label: 'unverified', task, verify: ['test -f nothing.txt'] },
        { label: 'not-set-up', task, setup: ['echo oh no >&2; exit 3'] },
        { label: 'too-long', task: 'sleep for ever', timeout: '2s' },
      ],
      { cwd: fleet.repository.path },
    );
    const failures = async (label: string): Promise<Record<string, string>> => {
      const { status } = await session.subagent(label).result();
      expect(status).not.toBe('done');
      const events = await historyOf(`subagent/red/${label}`);
      const named = new Map(
        events.map(({ eventId, activityTaskScheduledEventAttributes: it }) => [
          String(eventId),
          it?.activityType?.name ?? '',
        ]),
      );
      return Object.fromEntries(
        events.flatMap(({ activityTaskFailedEventAttributes: it }) =>
          it ? [[named.get(String(it.scheduledEventId)) ?? '', it.failure?.message ?? '']] : [],
        ),
      );
    };
    expect(await failures('unverified')).toEqual({ verifyCommit: '`test -f nothing.txt`: exit 1' });
    expect(await failures('not-set-up')).toEqual({
      setUpWorkspace: expect.stringContaining('oh no') as string,
    });
    expect(await failures('too-long')).toEqual({ runTurn: 'it used up its working time' });
    const { verifications } = await session.subagent('unverified').result();
    expect(verifications).toMatchObject([{ command: 'test -f nothing.txt', exitCode: 1 }]);
  });

  it('calls signals by what they say', async () => {
    const names = async (workflowId: string): Promise<string[]> =>
      (await historyOf(workflowId)).flatMap(
        ({ workflowExecutionSignaledEventAttributes: it }) => it?.signalName ?? [],
      );
    const told = await names('session/red');
    expect(told).toContain('ended: unverified, failed');
    expect(told).toContain('ended: too-long, timed-out');
    expect(await names('subagent/red/unverified')).toEqual([
      expect.stringMatching(/^slotGranted: slot on w-[a-z0-9]+$/),
    ]);
    await subagents.session('red').acknowledge(['unverified@1:ended']);
    await eventually(async () =>
      (await names('session/red')).includes('acknowledge: main has 1 announcement'),
    );
  });

  it('has no stack of what is no mistake of ours', async () => {
    for (const label of ['unverified', 'not-set-up', 'too-long']) {
      const events = await historyOf(`subagent/red/${label}`);
      const stacks = JSON.stringify(events).match(/"stackTrace":"(?:[^"\\\\]|\\\\.)+"/g);
      expect(stacks, label).toBeNull();
    }
  });
});

describe('a session that continues as new', () => {
  it('loses no child, no announcement and no acknowledgement', async () => {
    const session = subagents.session('months');
    const options = { cwd: fleet.repository.path };
    await session.spawn(
      [
        { label: 'early', task: 'say done' },
        { label: 'seen', task: 'say done' },
      ],
      options,
    );
    await Promise.all([session.subagent('early').result(), session.subagent('seen').result()]);
    await session.acknowledge(['seen@1:ended']);
    await Promise.all([spawn('months', 'child-a'), spawn('months', 'child-b'), spawn('months', 'child-c')]);

    const runOf = (): Promise<string> =>
      withClient(
        fleet,
        async (client) => (await client.workflow.getHandle('session/months').describe()).runId,
      );
    const before = await runOf();
    await temporal(fleet, 'workflow', 'signal', '-w', 'session/months', '--name', 'rollOver');
    await eventually(async () => (await runOf()) !== before);

    expect((await session.list()).live.map(({ label }) => label).sort()).toEqual([
      'child-a',
      'child-b',
      'child-c',
    ]);
    expect((await session.subagent('child-a').kill()).status).toBe('killed');
    expect((await session.subagent('child-b').kill()).status).toBe('killed');
    await temporal(fleet, 'workflow', 'terminate', '-w', 'subagent/months/child-c');
    await eventually(async () => (await session.list()).live.length === 0);
    const told = (await session.peek()).map(({ id, status }) => `${id} ${status}`);
    expect(told).toEqual([
      'early@1:ended done',
      'child-a@1:ended killed',
      'child-b@1:ended killed',
      'child-c@1:ended lost',
    ]);
  });
});

describe('an earlier run', () => {
  it('stays readable after the server has dropped it', async () => {
    const session = subagents.session('retention');
    await session.spawn({ label: 'old', task: 'say done' }, { cwd: fleet.repository.path });
    await session.subagent('old').result();
    await temporal(fleet, 'workflow', 'delete', '-w', 'subagent/retention/old');
    await eventually(() =>
      statusOf(fleet, 'subagent/retention/old').then(
        () => false,
        () => true,
      ),
    );
    const { finished } = await session.list();
    expect(finished).toMatchObject([{ label: 'old', run: 1, status: 'done', summary: 'Nothing to do.' }]);
    const gone = await session
      .subagent('old@1')
      .result()
      .catch((error: unknown) => error);
    expect(gone).toMatchObject({ code: 'LOST', entry: { label: 'old', run: 1, summary: 'Nothing to do.' } });
  });
});
