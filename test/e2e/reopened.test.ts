/** A session that was ended from outside while work of it goes on: it is opened again by itself, nothing is lost, and nothing is told twice. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReceivedAnnouncement, Subagents } from '../../src/client/index.ts';
import { SESSION, type Announcement } from '../../src/contract/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { startMcp } from '../support/mcp.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, statusOf, temporal, withClient } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

/** Waits in its shell until the test says `go(word)`. */
const until = (word: string) => bash(`until [ -e "$HOME/go-${word}" ]; do sleep 0.1; done`);
const go = (word: string) => writeFileSync(join(fleet.home, '..', `go-${word}`), '');

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('say done', [{ text: 'Nothing to do.' }]),
      ...['one', 'two', 'three', 'four', 'five', 'six', 'seven'].map((word) =>
        on(`await ${word}`, [until(word), { text: `Heard ${word}.` }]),
      ),
      on('ask later', [
        until('ask'),
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
        { text: 'Asked.' },
      ]),
      on('sit', [bash('sleep 7643.5')]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const options = () => ({ cwd: fleet.repository.path });
const spawn = (session: string, label: string, task: string) =>
  subagents.session(session).spawn({ label, task }, options());

/** Ends the session's workflow as the Web UI does; gives its run. */
async function end(session: string, how: 'terminate' | 'cancel' = 'terminate'): Promise<void> {
  const id = `session/${session}`;
  const { runId } = await withClient(fleet, ({ workflow }) => workflow.getHandle(id).describe());
  await temporal(fleet, 'workflow', how, '-w', id);
  await eventually(() =>
    withClient(
      fleet,
      async ({ workflow }) => (await workflow.getHandle(id, runId).describe()).status.name !== 'RUNNING',
    ),
  );
}

/** What a receiver that is connected all the time hears. */
function follow(session: string, receiver: string): { readonly heard: string[]; stop(): Promise<void> } {
  const heard: string[] = [];
  const items = subagents.session(session).announcements({ receiver });
  const reading = (async () => {
    for await (const item of items) heard.push(nameOf(item));
  })();
  return {
    heard,
    stop: async () => {
      await items.return();
      await reading;
    },
  };
}

const nameOf = ({ id, status, kind }: ReceivedAnnouncement | { id: string; status: string; kind: string }) =>
  kind === 'question' ? `${id.split(':')[0]} question` : `${id} ${status}`;
const unread = async (session: string, receiver = 'main') =>
  (await subagents.session(session).peek({ receiver })).map(nameOf);
const finished = async (session: string) =>
  (await subagents.session(session).list()).finished.map(({ label, run }) => `${label}@${run}`).sort();

describe('a session that was terminated', () => {
  it('announces what ends later to who only waits, twice over, and keeps what was there', async () => {
    await spawn('kept', 'before', 'say done');
    await subagents.session('kept').subagent('before').result();
    await eventually(async () => (await unread('kept', 'reads-later')).length === 1);
    const follower = follow('kept', 'main');
    await spawn('kept', 'first', 'await one');
    await spawn('kept', 'second', 'await two');
    for (const label of ['first', 'second']) await inItsShell(subagents, 'kept', label);

    await end('kept');
    go('one');
    await eventually(() => follower.heard.includes('first@1:ended done'));
    await end('kept');
    go('two');
    await eventually(() => follower.heard.includes('second@1:ended done'));

    expect(follower.heard).toEqual(['before@1:ended done', 'first@1:ended done', 'second@1:ended done']);
    await eventually(async () => (await unread('kept')).length === 0);
    await follower.stop();
    expect(await unread('kept', 'reads-later')).toEqual([
      'before@1:ended done',
      'first@1:ended done',
      'second@1:ended done',
    ]);
    expect(await finished('kept')).toEqual(['before@1', 'first@1', 'second@1']);
    expect(
      await subagents.session('kept').spawn({ label: 'before', task: 'say done' }, options()),
    ).toMatchObject({ run: 2 });
  });

  it('is asked, and told of the steps of a chain', async () => {
    const session = subagents.session('busy');
    const follower = follow('busy', 'main');
    await spawn('busy', 'asker', 'ask later');
    await session.chain(
      {
        label: 'line',
        steps: [
          { id: 'a', task: 'await three' },
          { id: 'b', task: 'say done' },
        ],
      },
      options(),
    );
    await inItsShell(subagents, 'busy', 'asker');
    await inItsShell(subagents, 'busy', 'line.a');
    await end('busy');
    go('ask');
    await eventually(() => follower.heard.includes('asker@1 question'));
    await session.subagent('asker').answer('This.');
    await eventually(() => follower.heard.includes('asker@1:ended done'));
    await end('busy');
    go('three');
    await eventually(() => follower.heard.includes('line@1:ended done'));
    await follower.stop();
    expect(follower.heard).toEqual([
      'asker@1 question',
      'asker@1:ended done',
      'line.a@1:ended done',
      'line.b@1:ended done',
      'line@1:ended done',
    ]);
    expect(await finished('busy')).toEqual(['asker@1', 'line.a@1', 'line.b@1', 'line@1']);
  });

  it('lists and tells of one that could tell nobody itself', async () => {
    await spawn('mute', 'ended', 'sit');
    await spawn('mute', 'stays', 'await four');
    for (const label of ['ended', 'stays']) await inItsShell(subagents, 'mute', label);
    await using agent = await startMcp({
      cwd: fleet.repository.path,
      env: {
        HOME: join(fleet.home, '..'),
        SUBAGENTS_HOME: fleet.home,
        TEMPORAL_ADDRESS: fleet.server.address,
      },
      args: ['--session', 'mute'],
    });
    const told = agent.call('subagents', { action: 'wait', timeout: '50s' });
    await end('mute');
    await temporal(fleet, 'workflow', 'terminate', '-w', 'subagent/mute/ended');
    expect((await told).text).toMatch(/ended@1.*lost/);
    await eventually(async () => (await statusOf(fleet, 'session/mute')) === 'RUNNING');
    await eventually(async () => (await finished('mute')).includes('ended@1'));
    const { live, notes } = await subagents.session('mute').list();
    expect(live.map(({ label, orphan }) => `${label} ${orphan}`)).toEqual(['stays undefined']);
    expect(notes).toEqual([]);
    go('four');
    await subagents.session('mute').subagent('stays').result();
    await eventually(async () => (await unread('mute')).includes('stays@1:ended done'));
  });

  it('keeps what nobody has read, also where the next spawn is faster; what is acknowledged stays so', async () => {
    await spawn('quick', 'one', 'say done');
    await subagents.session('quick').subagent('one').result();
    await eventually(async () => (await unread('quick')).length === 1);
    await end('quick');
    expect(await spawn('quick', 'one', 'say done')).toMatchObject({ run: 2 });
    await subagents.session('quick').subagent('one').result();
    await eventually(async () => (await unread('quick')).length === 2);
    expect(await unread('quick')).toEqual(['one@1:ended done', 'one@2:ended done']);

    await end('quick');
    await subagents.session('quick').acknowledge('one@1:ended');
    expect(await unread('quick')).toEqual(['one@2:ended done']);
    await subagents.session('quick').acknowledge('one@2:ended');
    expect(await unread('quick')).toEqual([]);
    expect(await finished('quick')).toEqual(['one@1', 'one@2']);
  });

  it('is left alone where there is nothing to do for it', async () => {
    await spawn('idle', 'one', 'say done');
    await subagents.session('idle').subagent('one').result();
    await eventually(async () => (await unread('idle')).length === 1);
    await subagents.session('idle').acknowledge('one@1:ended');
    await eventually(async () => (await unread('idle')).length === 0);
    await end('idle');
    // Another that was ended later is looked at later.
    await spawn('looked', 'stays', 'await five');
    await inItsShell(subagents, 'looked', 'stays');
    await end('looked');
    await eventually(async () => (await statusOf(fleet, 'session/looked')) === 'RUNNING');
    expect(await statusOf(fleet, 'session/idle')).toBe('TERMINATED');
    go('five');
    await subagents.session('looked').subagent('stays').result();
  });

  it('takes up again after its worker was gone, too', async () => {
    await spawn('alone', 'stays', 'await six');
    await inItsShell(subagents, 'alone', 'stays');
    const follower = follow('alone', 'main');
    await subagents.session('alone').peek({ receiver: 'later' });
    await fleet.worker.stop();
    // Nobody had the time to read this one, either.
    await withClient(fleet, ({ workflow }) =>
      workflow.getHandle('session/alone').signal(SESSION.announce, {
        announcement: {
          id: 'n0',
          kind: 'notice',
          session: 'alone',
          label: 'alone',
          run: 1,
          status: 'working',
          workflowId: 'session/alone',
          runId: 'x',
          summary: 'Late.',
          at: new Date().toISOString(),
        } satisfies Announcement,
      }),
    );
    await end('alone');
    go('six');
    await fleet.startWorker();
    await eventually(() => follower.heard.length > 1);
    await follower.stop();
    expect(follower.heard).toEqual(['n0 working', 'stays@1:ended done']);
    expect(await unread('alone', 'later')).toEqual(['n0 working', 'stays@1:ended done']);
  });
});

describe('a session that was cancelled', () => {
  it('ends with its subagents, each told once; the next of its name goes on from there', async () => {
    await spawn('cancelled', 'one', 'say done');
    await subagents.session('cancelled').subagent('one').result();
    await subagents.session('cancelled').peek({ receiver: 'other' });
    const follower = follow('cancelled', 'main');
    await spawn('cancelled', 'sits', 'sit');
    await inItsShell(subagents, 'cancelled', 'sits');
    await end('cancelled', 'cancel');
    expect(await statusOf(fleet, 'session/cancelled')).toBe('CANCELLED');
    await eventually(() => follower.heard.length === 2);
    expect(await spawn('cancelled', 'one', 'say done')).toMatchObject({ run: 2 });
    await eventually(() => follower.heard.length === 3);
    await follower.stop();
    expect(follower.heard).toEqual(['one@1:ended done', 'sits@1:ended killed', 'one@2:ended done']);
    expect(await unread('cancelled', 'other')).toEqual([
      'one@1:ended done',
      'sits@1:ended killed',
      'one@2:ended done',
    ]);
    await eventually(async () => (await unread('cancelled')).length === 0);
  });
});
