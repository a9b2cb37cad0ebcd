import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/contract/protocol/names.ts';
import { connectTemporal } from '../../src/temporal/connect.ts';
import { hasPollers } from '../../src/temporal/pollers.ts';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { testServer, type TestServer } from '../support/embedded.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const target = (changes: { address?: string; namespace?: string } = {}) => ({
  address: server.address,
  namespace: 'default',
  origin: 'the test',
  ...changes,
});

describe('connecting', () => {
  test('gives a connection to a server that is there', async () => {
    const connection = await connectTemporal(target());
    const { capabilities } = await connection.workflowService.getSystemInfo({});
    expect(capabilities?.encodedFailureAttributes).toBe(true);
    await connection.close();
  });

  test('nobody there: says so as soon as it is refused, with address, namespace and who chose them', async () => {
    await expect(connectTemporal(target({ address: '127.0.0.1:1' }))).rejects.toMatchObject({
      code: 'TEMPORAL_UNREACHABLE',
      message: expect.stringMatching(
        /^Temporal at 127\.0\.0\.1:1, namespace "default" \(chosen by the test\): no answer \(.*ECONNREFUSED/,
      ) as string,
      remedy: expect.stringContaining('subagents up') as string,
    });
  });

  test('one that accepts and never answers: gives up after 5 s', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    try {
      await expect(connectTemporal(target({ address: `127.0.0.1:${port}` }))).rejects.toMatchObject({
        code: 'TEMPORAL_UNREACHABLE',
        message: expect.stringContaining('no answer') as string,
      });
    } finally {
      silent.close();
    }
  });

  test('calls that are tried again while it is closed end, and do not end the program', async () => {
    const sockets = new Set<Socket>();
    const line = createServer((socket) => {
      const onward = connect(Number(server.address.split(':')[1]), '127.0.0.1');
      for (const each of [socket, onward]) sockets.add(each.on('error', () => each.destroy()));
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve));
    const { port } = line.address() as AddressInfo;
    const connection = await connectTemporal(target({ address: `127.0.0.1:${port}` }));
    line.close();
    for (const socket of sockets) socket.destroy();
    const calls = Array.from({ length: 5 }, () =>
      connection.workflowService.describeNamespace({ namespace: 'default' }),
    );
    const ends = Promise.allSettled(calls);
    await delay(300);
    await connection.close();
    expect((await ends).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
  });

  test('no such namespace: says so, and how to make it', async () => {
    await expect(connectTemporal(target({ namespace: 'nope' }))).rejects.toMatchObject({
      code: 'TEMPORAL_UNREACHABLE',
      message: expect.stringMatching(/namespace "nope".*the namespace does not exist/) as string,
      remedy: expect.stringContaining('temporal operator namespace create --namespace nope') as string,
    });
  });
});

describe('search attributes', () => {
  test('what is missing is registered, what is there is left alone', async () => {
    const { operatorService } = server.connection;
    const namespace = 'default';
    const names = Object.values(SEARCH_ATTRIBUTES);
    await operatorService.removeSearchAttributes({ namespace, searchAttributes: names.slice(0, 2) });
    await ensureSearchAttributes(server.connection, namespace);
    await ensureSearchAttributes(server.connection, namespace);
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    expect(Object.keys(customAttributes ?? {}).sort()).toEqual([...names].sort());
  });

  test('where that cannot be done, the remedy is the operator’s commands', async () => {
    await expect(ensureSearchAttributes(server.connection, 'nope')).rejects.toMatchObject({
      code: 'SEARCH_ATTRIBUTES',
      remedy: expect.stringContaining(
        'temporal operator search-attribute create --namespace nope --name SubagentsLabel --type Keyword',
      ) as string,
    });
  });

  test('one of another type is named', async () => {
    const { operatorService } = server.connection;
    const namespace = 'default';
    const text = { [SEARCH_ATTRIBUTES.model]: 3 }; // INDEXED_VALUE_TYPE_INT
    await operatorService.removeSearchAttributes({ namespace, searchAttributes: Object.keys(text) });
    await operatorService.addSearchAttributes({ namespace, searchAttributes: text });
    await expect(ensureSearchAttributes(server.connection, namespace)).rejects.toMatchObject({
      code: 'SEARCH_ATTRIBUTES',
      message: expect.stringContaining(SEARCH_ATTRIBUTES.model) as string,
    });
  });
});

test('pollers: none, then a worker’s, then too old to count', async () => {
  const has = (kind: 'workflow' | 'activity', within?: number) =>
    hasPollers(server.connection, 'default', 'a queue', kind, { within });
  expect(await has('activity')).toBe(false);
  const connection = await NativeConnection.connect({ address: server.address });
  const worker = await Worker.create({
    connection,
    taskQueue: 'a queue',
    activities: { nothing: async () => undefined },
  });
  await worker.runUntil(async () => {
    await expect.poll(() => has('activity')).toBe(true);
    expect(await has('workflow')).toBe(false);
  });
  await connection.close();
  await expect.poll(() => has('activity', 1_000)).toBe(false);
  expect(await has('activity', 60_000)).toBe(true);
});
