import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Subagents } from '../../src/client/index.ts';
import { isNotFound, isTransient, toSubagentsError } from '../../src/client/errors.ts';
import { SEARCH_ATTRIBUTES, SubagentsError } from '../../src/contract/index.ts';
import { startEmbedded, type EmbeddedServer } from '../../src/temporal/embedded/server.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { ownPorts } from '../support/ports.ts';

let folder: TemporaryFolder;
let server: EmbeddedServer;
let connection: Connection;

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await startEmbedded({
    dataDir: join(folder.path, 'temporal'),
    logFile: join(folder.path, 'temporal.log'),
    onProgress: () => undefined,
    ports: ownPorts(),
  });
  connection = await Connection.connect({ address: server.address });
});
afterAll(async () => {
  await connection?.close();
  await server?.stop();
  await folder?.[Symbol.asyncDispose]();
});

/** What `promise` rejects with, as people see it. */
async function explained(promise: Promise<unknown>): Promise<{ raw: unknown; error: SubagentsError }> {
  const raw: unknown = await promise.then(
    (value) => new Error(`it went well: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  const where = { address: server.address, namespace: 'default', origin: 'a test' };
  return { raw, error: toSubagentsError(raw, 'do it', where) };
}

const client = (namespace = 'default') => new Client({ connection, namespace });

describe('an error of Temporal', () => {
  it('of a workflow that is not there says so', async () => {
    const { raw, error } = await explained(client().workflow.getHandle('nothing').describe());
    expect([isNotFound(raw), isNotFound(error), isTransient(error)]).toEqual([true, true, false]);
    expect(error).toMatchObject({ code: 'LOST', cause: raw });
    expect(error.message).toContain(`Temporal at ${server.address}, namespace "default"`);
  });

  it('of a namespace that is not there says so', async () => {
    const { error } = await explained(
      client('nowhere').workflow.start('x', { workflowId: 'x', taskQueue: 'x' }),
    );
    expect(error.code).toBe('TEMPORAL_UNREACHABLE');
    expect(error.message).toContain('no such namespace');
  });

  it('of search attributes that are missing prints the operator’s commands', async () => {
    await connection.workflowService.registerNamespace({
      namespace: 'bare',
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    const start = () =>
      client('bare').workflow.start('x', {
        workflowId: 'x',
        taskQueue: 'x',
        searchAttributes: { [SEARCH_ATTRIBUTES.session]: ['s'] },
      });
    // A new namespace takes a moment until every part of the server knows it.
    let { error } = await explained(start());
    while (error.message.includes('no such namespace')) ({ error } = await explained(start()));
    expect(error.code).toBe('SEARCH_ATTRIBUTES');
    expect(error.remedy).toContain('temporal operator search-attribute create');
  });

  it('of a call without an answer says that it may still take effect', async () => {
    const handle = await client().workflow.start('nobody-does-this', {
      workflowId: 'slow',
      taskQueue: 'nobody',
    });
    const late = connection.withDeadline(Date.now() + 300, () => handle.result());
    const { error } = await explained(late);
    expect(error).toMatchObject({ code: 'TIMEOUT' });
    expect(isTransient(error)).toBe(true);
    expect(error.message).toContain('may still take effect');
  });

  it('of a call whose time was over before it began does not call the server away', async () => {
    const describe = () => client().workflow.getHandle('nothing').describe();
    const { raw, error } = await explained(connection.withDeadline(Date.now() - 1, describe));
    expect(String((raw as Error).cause ?? raw)).toMatch(/Deadline exceeded after 0\.0\d\ds/);
    expect(error.code).toBe('TIMEOUT');
  });

  it('of a message that is too large says what to do', async () => {
    const args = ['x'.repeat(3_000_000)];
    const { error } = await explained(
      client().workflow.start('x', { workflowId: 'large', taskQueue: 'x', args }),
    );
    expect(error.code).toBe('LIMIT');
    expect(error.remedy).toContain('file of the repository');
  });

  it('that is ours already stays as it is', async () => {
    const ours = new SubagentsError('LABEL_LIVE', 'x is live');
    expect((await explained(Promise.reject(ours))).error).toBe(ours);
  });
});

describe('a connection', () => {
  it('to nobody is refused, naming who chose the address', async () => {
    const address = `127.0.0.1:${await getPort()}`;
    await expect(Subagents.connect({ address, env: {} })).rejects.toMatchObject({
      code: 'TEMPORAL_UNREACHABLE',
      message: expect.stringContaining(`${address}, namespace "default" (chosen by --address)`) as string,
    });
  });

  it('that was closed makes no more calls', async () => {
    const subagents = await Subagents.connect({ address: server.address, home: folder.path, env: {} });
    await subagents.close();
    const session = subagents.session();
    const subagent = session.subagent('a');
    const spec = { label: 'a', task: 'b', repo: 'https://example.com/a/b' };
    const calls = {
      Subagents: {
        sessions: () => subagents.sessions(),
        list: () => subagents.list(),
        find: () => subagents.find('a'),
        clean: () => subagents.clean(['a']),
        forgetWorker: () => subagents.forgetWorker('w-abcd2345'),
        hasWorkers: () => subagents.hasWorkers(),
        workers: () => subagents.workers(),
        checkPool: () => subagents.checkPool('default'),
        approvals: () => subagents.approvals(),
        runs: () => subagents.runs({ max: 1 }),
      },
      SessionHandle: {
        spawn: () => session.spawn(spec),
        chain: () => session.chain({ label: 'c', steps: [{ id: 'a', task: 'b', repo: spec.repo }] }),
        retryChain: () => session.retryChain('a'),
        list: () => session.list(),
        announcements: () => session.announcements().next(),
        peek: () => session.peek(),
        acknowledge: () => session.acknowledge(['a']),
        clean: () => session.clean(),
        endIfFailing: () => session.endIfFailing(),
        approvals: () => session.approvals(),
      },
      SubagentHandle: {
        identity: () => subagent.identity(),
        steer: () => subagent.steer('more'),
        answer: () => subagent.answer('yes'),
        approve: () => subagent.approve(),
        reject: () => subagent.reject(),
        kill: () => subagent.kill(),
        result: () => subagent.result(),
        continue: () => subagent.continue('more'),
        describe: () => subagent.describe(),
        diff: () => subagent.diff(),
        merge: () => subagent.merge(),
        clean: () => subagent.clean(),
        transcript: () => subagent.transcript().next(),
      },
    };
    // What only names something, or closes.
    const others = ['constructor', 'target', 'session', 'subagent', 'close'];
    for (const [object, named] of [
      [subagents, calls.Subagents],
      [session, calls.SessionHandle],
      [subagent, calls.SubagentHandle],
    ] as const) {
      const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(object));
      expect(Object.keys(named).sort()).toEqual(methods.filter((name) => !others.includes(name)).sort());
      for (const [name, call] of Object.entries(named))
        await expect(
          (async () => (call as () => Promise<unknown>)())(),
          `${object.constructor.name}.${name}`,
        ).rejects.toMatchObject({ name: 'SubagentsError', code: 'CLOSED' });
    }
  });

  it('has sessions with legal names only', async () => {
    await using subagents = await Subagents.connect({ address: server.address, home: folder.path, env: {} });
    expect(() => subagents.session('a/b')).toThrow(/illegal session name "a\/b"/);
    expect(subagents.session('copilot:1A-b').name).toBe('copilot:1A-b');
  });

  it('that is lost later says so', async () => {
    const subagents = await Subagents.connect({ address: server.address, home: folder.path, env: {} });
    await server.stop();
    await expect(subagents.sessions()).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
    await subagents.close();
  });
});
