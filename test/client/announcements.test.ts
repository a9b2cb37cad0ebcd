import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Subagents, type Announcement, type ReceivedAnnouncement } from '../../src/client/index.ts';
import { DEFAULT_RECEIVER, SESSION, sessionWorkflowId } from '../../src/contract/index.ts';
import { TYPESCRIPT } from '../support/child.ts';
import { doorTo } from '../support/door.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
let connection: Connection;

beforeAll(async () => {
  fleet = await startFleet([on('say done', [{ text: 'Nothing to do.' }])], { env: { SUBAGENTS_SLOTS: '8' } });
  subagents = await fleet.connect();
  connection = await Connection.connect({ address: fleet.server.address });
});
afterAll(async () => {
  await connection?.close();
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const spawn = (session: string, ...labels: string[]) =>
  subagents.session(session).spawn(
    labels.map((label) => ({ label, task: 'say done' })),
    { cwd: fleet.repository.path },
  );

const workflow = (session: string) =>
  new Client({ connection }).workflow.getHandle(sessionWorkflowId(session));

/** Has the session announce notices `n0`, `n1`, ... as a subagent's workflow does. */
async function announce(session: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const announcement: Announcement = {
      id,
      session,
      label: 'a',
      run: 1,
      workflowId: 'w',
      runId: 'r',
      kind: 'notice',
      status: 'working',
      summary: id,
      at: new Date().toISOString(),
    };
    await workflow(session).signal(SESSION.announce, { announcement });
  }
}

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `n${from + index}`);

/** The ids of the next `count` announcements. */
async function take(items: AsyncIterator<ReceivedAnnouncement>, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const item = await items.next();
    if (item.done === true) throw new Error(`it ended after ${ids.join()}`);
    ids.push(item.value.id);
  }
  return ids;
}

/** Waits until the receiver has nothing unacknowledged but `ids`. */
async function untilUnacknowledged(
  session: string,
  ids: string[],
  receiver = DEFAULT_RECEIVER,
): Promise<void> {
  for (;;) {
    const left = (await subagents.session(session).peek({ receiver })).map(({ id }) => id);
    if (left.join() === ids.join()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('announcements', () => {
  it('wait for a session that does not exist yet, and tell every end', async () => {
    const items = subagents.session('later').announcements();
    const first = items.next();
    await spawn('later', 'a');
    expect((await first).value).toMatchObject({
      id: 'a@1:ended',
      kind: 'completed',
      label: 'a',
      status: 'done',
    });
    await items.return();
  });

  it('count as acknowledged when the next one is asked for', async () => {
    await spawn('acknowledging', 'a');
    await announce('acknowledging', range(0, 3));
    const seen: string[] = [];
    for await (const { id } of subagents.session('acknowledging').announcements()) {
      seen.push(id);
      if (seen.length === 4) break;
    }
    const last = seen.at(-1) ?? '';
    await untilUnacknowledged('acknowledging', [last]);
    const again = subagents.session('acknowledging').announcements();
    expect(await take(again, 1)).toEqual([last]);
    await again.return();
  });

  it('are acknowledged by name', async () => {
    await spawn('by-name', 'a');
    await announce('by-name', range(0, 3));
    const items = subagents.session('by-name').announcements({ acknowledge: 'manual' });
    const received: ReceivedAnnouncement[] = [];
    for await (const item of items) if (received.push(item) === 4) break;
    await received.find(({ id }) => id === 'n1')?.acknowledge();
    await subagents.session('by-name').acknowledge(['n2', 'a@1:ended']);
    await untilUnacknowledged('by-name', ['n0']);
  });

  it('go to each receiver for itself', async () => {
    await spawn('receivers', 'a');
    await announce('receivers', range(0, 2));
    const [one, other] = ['one', 'other'].map((receiver) =>
      subagents.session('receivers').announcements({ receiver }),
    );
    if (!one || !other) throw new Error('unreachable');
    const all = (await take(one, 3)).sort();
    expect((await take(other, 3)).sort()).toEqual(all);
    await announce('receivers', ['n2']);
    expect([await take(one, 1), await take(other, 1)]).toEqual([['n2'], ['n2']]);
    await Promise.all([one.return(), other.return()]);
  });

  it('go to receivers of any legal name, and to none of another', async () => {
    await spawn('names', 'a');
    const session = subagents.session('names');
    const items = session.announcements({ receiver: 'constructor' });
    expect(await take(items, 1)).toEqual(['a@1:ended']);
    await items.return();
    for (const receiver of ['__proto__', '', 'a b'])
      await expect(session.peek({ receiver })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    // Whoever signals past the library is not heard.
    await workflow('names').signal(SESSION.acknowledge, { receiver: '__proto__', ids: [] });
    expect(await spawn('names', 'b')).toMatchObject([{ accepted: true }]);
  });

  it('are missed by nobody who comes after an Update that was refused', async () => {
    await spawn('refused', 'a');
    await subagents.session('refused').subagent('a').result();
    await untilUnacknowledged('refused', ['a@1:ended']);
    await expect(workflow('refused').executeUpdate(SESSION.spawn, { args: [{}] })).rejects.toThrow();
    const items = subagents.session('refused').announcements();
    expect(await take(items, 1)).toEqual(['a@1:ended']);
    const next = take(items, 1);
    await announce('refused', ['n0']);
    expect(await next).toEqual(['n0']);
    await items.return();
  });

  it('are kept for a receiver from its first look on, whatever others acknowledge', async () => {
    await spawn('first-look', 'a');
    await subagents.session('first-look').subagent('a').result();
    const session = subagents.session('first-look');
    expect((await session.peek({ receiver: 'looker' })).map(({ id }) => id)).toEqual(['a@1:ended']);
    await announce('first-look', range(0, 2));
    await session.acknowledge(['a@1:ended', 'n0', 'n1']);
    await untilUnacknowledged('first-look', []);
    await workflow('first-look').signal(SESSION.rollOver);
    await announce('first-look', ['n2']);
    await untilUnacknowledged('first-look', ['a@1:ended', 'n0', 'n1', 'n2'], 'looker');
    // One that looks now for the first time has missed those that everybody else had by then.
    await session.acknowledge(['a@1:ended', 'n0'], { receiver: 'looker' });
    await untilUnacknowledged('first-look', ['n1', 'n2'], 'newcomer');
  });

  it('can be looked at and read once', async () => {
    await spawn('once', 'a');
    await subagents.session('once').subagent('a').result();
    expect((await subagents.session('once').peek()).map(({ id }) => id)).toEqual(['a@1:ended']);
    const ids: string[] = [];
    for await (const { id } of subagents.session('once').announcements({ once: true })) ids.push(id);
    expect(ids).toEqual(['a@1:ended']);
    await untilUnacknowledged('once', []);
    expect(await subagents.session('never').peek()).toEqual([]);
  });

  it('come in order and once each across continue-as-new', async () => {
    await spawn('rolling', 'a');
    await subagents.session('rolling').subagent('a').result();
    const items = subagents.session('rolling').announcements();
    expect(await take(items, 1)).toEqual(['a@1:ended']);
    const sending = (async () => {
      for (let batch = 0; batch < 4; batch++) {
        await announce('rolling', range(batch * 10, batch * 10 + 10));
        await workflow('rolling').signal(SESSION.rollOver);
      }
    })();
    expect(await take(items, 40)).toEqual(range(0, 40));
    await sending;
    await announce('rolling', ['n40']);
    expect(await take(items, 1)).toEqual(['n40']);
    await items.return();
    // All but the last were acknowledged on the way, also in the runs before.
    await untilUnacknowledged('rolling', ['n40']);
  });

  it('go on with the next session of that name, which goes on where the one before was ended', async () => {
    await spawn('reborn', 'a');
    const items = subagents.session('reborn').announcements();
    expect(await take(items, 1)).toEqual(['a@1:ended']);
    const next = take(items, 1);
    await workflow('reborn').cancel();
    await expect(workflow('reborn').result()).rejects.toThrow();
    await spawn('reborn', 'a');
    expect(await next).toEqual(['a@2:ended']);
    await items.return();
  });

  it('are those of the next session of that name too where the end of the one before was not seen', async () => {
    await using door = await doorTo(fleet.server.address);
    await using other = await Subagents.connect({ ...fleet.target, address: door.address });
    await spawn('replaced', 'a');
    let isAway = false;
    const onReconnect = () => (isAway = true);
    const items = other.session('replaced').announcements({ onReconnect });
    expect(await take(items, 1)).toEqual(['a@1:ended']);
    const next = take(items, 1);
    await untilUnacknowledged('replaced', []);
    await door.shut();
    // The client itself keeps trying for a while.
    await eventually(() => isAway);
    await workflow('replaced').terminate();
    await spawn('replaced', 'a');
    await subagents.session('replaced').subagent('a').result();
    await door.open();
    expect(await next).toEqual(['a@2:ended']);
    await items.return();
  });

  it('that are malformed are left out', async () => {
    await spawn('malformed', 'a');
    const items = subagents.session('malformed').announcements();
    expect(await take(items, 1)).toEqual(['a@1:ended']);
    const next = take(items, 1);
    await workflow('malformed').signal(SESSION.announce, { announcement: { id: 'half', kind: 'notice' } });
    await announce('malformed', ['n0']);
    expect(await next).toEqual(['n0']);
    await items.return();
    expect((await subagents.session('malformed').peek()).map(({ id }) => id)).toEqual(['n0']);
  });
});

describe('an iteration', () => {
  const nobody = () => subagents.session('nobody');

  it('ends at once with its signal, with return() and with the connection', async () => {
    await spawn('quiet', 'a');
    const other = await fleet.connect();
    const aborting = new AbortController();
    const ways = [
      {
        items: subagents.session('quiet').announcements({ signal: aborting.signal }),
        end: () => aborting.abort(),
      },
      { items: other.session('quiet').announcements({ receiver: 'x' }), end: () => other.close() },
      { items: nobody().announcements(), end: (items: AsyncGenerator) => items.return(undefined) },
    ];
    // Both are following the session's history when they are ended; the third waits for its session.
    await Promise.all(ways.slice(0, 2).map(({ items }) => items.next()));
    for (const { items, end } of ways) {
      const next = items.next();
      const before = Date.now();
      await end(items);
      expect(await next).toEqual({ done: true, value: undefined });
      expect(await items.next()).toEqual({ done: true, value: undefined });
      // Not with the next event, which comes after a minute.
      expect(Date.now() - before).toBeLessThan(30_000);
    }
  });

  it('that was over before it began tells nothing', async () => {
    const items = subagents.session('quiet').announcements({ signal: AbortSignal.abort() });
    expect(await items.next()).toEqual({ done: true, value: undefined });
  });

  it('may be one of many on one signal: nothing warns of a leak', async () => {
    await spawn('many', 'a');
    const program = fileURLToPath(new URL('children/follow-often.ts', import.meta.url));
    const { stdout, stderr } = await execa(process.execPath, [
      ...TYPESCRIPT,
      program,
      JSON.stringify(fleet.target),
      'many',
    ]);
    expect([stdout, stderr]).toEqual(['11 followed, 11 ended', '']);
  });

  it('goes on over a restart of the server', async () => {
    await spawn('restarted', 'a');
    const items = subagents.session('restarted').announcements();
    expect(await take(items, 1)).toEqual(['a@1:ended']);
    const next = take(items, 3);
    await fleet.restartServer();
    await connection.close();
    connection = await Connection.connect({ address: fleet.server.address });
    await announce('restarted', range(0, 3));
    expect(await next).toEqual(range(0, 3));
    await items.return();
  });
});
