/** A main agent that was away: whatever it missed comes, in order, each once, however much that is and however long ago. */
import { randomBytes } from 'node:crypto';
import { Client, type Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../../src/client/connection/concurrency.ts';
import type { Subagents } from '../../src/client/index.ts';
import {
  byteLength,
  MAIN_QUEUE,
  pageWorkflowId,
  SESSION,
  type Announcement,
} from '../../src/contract/index.ts';
import { connectTemporal } from '../../src/temporal/connect.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, statusOf, temporal } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
let connection: Connection;

beforeAll(async () => {
  fleet = await startFleet([on('sit', [bash('sleep 6543')])]);
  subagents = await fleet.connect();
  connection = await connectTemporal({
    address: fleet.server.address,
    namespace: 'default',
    origin: 'the test',
  });
});
afterAll(async () => {
  await connection?.close();
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

/** An announcement of nearly 1 KB that no compression makes smaller. */
function announcement(session: string, number: number): Announcement {
  return {
    id: `n${number}`,
    session,
    label: `label-${number}`.padEnd(63, 'x'),
    run: 1,
    kind: 'notice',
    status: 'working',
    workflowId: `subagent/${session}/${number}`.padEnd(150, 'x'),
    runId: randomBytes(18).toString('hex'),
    summary: randomBytes(140).toString('hex'),
    at: new Date().toISOString(),
  };
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

/** The ids of what was announced in one run of a session, in the order of its history. */
async function announcedIn(run: WorkflowHandle): Promise<string[]> {
  const { events } = await run.fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    if (signal?.signalName !== SESSION.announce) return [];
    const data = signal.input?.payloads?.[0]?.data ?? new Uint8Array();
    return [(JSON.parse(Buffer.from(data).toString()) as { announcement: Announcement }).announcement.id];
  });
}

describe('5,000 announcements that nobody was there for', () => {
  it('come in order, each once, across several runs of the session, the first of which are gone', async () => {
    const count = 5_000;
    const session = subagents.session('away');
    const { workflow } = new Client({ connection });
    const handle = await workflow.start(SESSION.workflow, {
      workflowId: 'session/away',
      taskQueue: MAIN_QUEUE,
      args: [{ name: 'away' }],
    });
    const runs = new Set<string>();
    const rollOver = async (): Promise<void> => {
      const { runId } = await handle.describe();
      runs.add(runId);
      await handle.signal(SESSION.rollOver);
      await eventually(async () => (await workflow.getHandle('session/away').describe()).runId !== runId);
    };
    const newest = workflow.getHandle('session/away');
    const send = (from: number, to: number): Promise<unknown> =>
      concurrently(range(from, to), (number) =>
        newest.signal(SESSION.announce, { announcement: announcement('away', number) }),
      );
    await send(0, 3_000);
    await rollOver();
    await send(3_000, count);
    await rollOver();
    const came = (
      await Promise.all([...runs].map((runId) => announcedIn(workflow.getHandle('session/away', runId))))
    ).flat();
    for (const runId of runs) await temporal(fleet, 'workflow', 'delete', '-w', 'session/away', '-r', runId);

    const missed = await session.peek();
    expect(new Set(came).size).toBe(count);
    expect(missed.map(({ id }) => id)).toEqual(came);
    expect(missed.reduce((sum, each) => sum + byteLength(JSON.stringify(each)), 0)).toBeGreaterThan(
      3_000_000,
    );
    expect((await session.list()).unacknowledged).toBe(count);

    // Half of them by name, in no order; then the rest as they come.
    const odd = missed.map(({ id }) => id).filter((_, index) => index % 2 === 1);
    await session.acknowledge(odd);
    await eventually(async () => (await session.list()).unacknowledged === count / 2);
    const received: string[] = [];
    for await (const { id } of session.announcements({ once: true })) received.push(id);
    expect(received).toEqual(came.filter((_, index) => index % 2 === 0));
    await eventually(async () => (await session.list()).unacknowledged === 0);
    await eventually(async () => {
      const open = `WorkflowType = 'page' AND ExecutionStatus = 'Running'`;
      return (await workflow.count(open)).count === 0;
    });
  });
});

describe('a session that is cancelled while it puts its announcements aside', () => {
  it('ends its subagents all the same', async () => {
    const session = subagents.session('spilling');
    await session.spawn({ label: 'sitter', task: 'sit' }, { cwd: fleet.repository.path });
    await inItsShell(subagents, 'spilling', 'sitter');
    const { workflow } = new Client({ connection });
    const handle = workflow.getHandle('session/spilling');
    await concurrently(range(0, 4_000), (number) =>
      handle.signal(SESSION.announce, { announcement: announcement('spilling', number) }),
    );
    const { runId } = await handle.describe();
    await handle.signal(SESSION.rollOver);
    const firstPage = workflow.getHandle(pageWorkflowId('spilling', runId, 1));
    await eventually(() =>
      firstPage.describe().then(
        () => true,
        () => false,
      ),
    );
    // It is at the second of four pages: what is asked now comes before the last.
    process.kill(fleet.worker.pid, 'SIGSTOP');
    await handle.cancel();
    process.kill(fleet.worker.pid, 'SIGCONT');
    await eventually(async () => (await statusOf(fleet, 'session/spilling')) === 'CANCELLED');
    expect(await statusOf(fleet, 'subagent/spilling/sitter')).toBe('CANCELLED');
  });
});
