import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processStartTime } from '../../src/system/process.ts';
import { writeUpFile } from '../../src/temporal/up-file.ts';
import { LazyConnection } from '../../src/tools/index.ts';
import { doorTo } from '../support/door.ts';
import { testServer, type TestServer } from '../support/embedded.ts';
import { temporaryFolder } from '../support/home.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** As if an `up` ran in `home`, with its server at `address`. */
const up = (home: string, address: string): void =>
  writeUpFile(home, {
    pid: process.pid,
    startTime: processStartTime(process.pid) ?? '',
    address,
    namespace: 'default',
    uiUrl: '',
    startedAt: new Date().toISOString(),
  });

describe('a connection for a process that lives long', () => {
  it('is one for all that ask at once, also when another server is to be used, and the one before ends', async () => {
    await using home = await temporaryFolder();
    const connection = new LazyConnection({ home: home.path, env: {} });
    const together = () => Promise.all([1, 2, 3].map(() => connection.get()));
    up(home.path, server.address);
    const [first, ...others] = await together();
    for (const other of others) expect(other).toBe(first);
    const following = first?.session('nobody').announcements().next();
    // The same server is another one by its name.
    up(home.path, server.address.replace('127.0.0.1', 'localhost'));
    const [second, ...rest] = await together();
    for (const each of rest) expect(each).toBe(second);
    expect(second).not.toBe(first);
    expect(await following).toEqual({ done: true, value: undefined });
    expect(await second?.session('nobody').peek()).toEqual([]);
    await connection.close();
  });

  it('is tried again where it could not be opened', async () => {
    await using home = await temporaryFolder();
    await using door = await doorTo(server.address);
    up(home.path, door.address);
    const connection = new LazyConnection({ home: home.path, env: {} });
    await door.shut();
    await expect(connection.get()).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
    await door.open();
    expect(await (await connection.get()).session('nobody').peek()).toEqual([]);
    await connection.close();
  });
});
