import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/contract/protocol/names.ts';
import { isAlive, processStartTime } from '../../src/system/process.ts';
import { ensureTemporalBinary } from '../../src/temporal/binary.ts';
import { endWhenBroken } from '../../src/temporal/embedded/health.ts';
import { startEmbedded } from '../../src/temporal/embedded/server.ts';
import { startChild } from '../support/child.ts';
import { testServer } from '../support/embedded.ts';
import { temporaryFolder } from '../support/home.ts';
import { ownPorts } from '../support/ports.ts';

const quiet = () => undefined;

describe('a started server', () => {
  test('is ended when it runs and does not answer, and not before', async () => {
    await using server = await testServer();
    let ended = 0;
    const looking = endWhenBroken(server, { everyMs: 20, answerMs: 5_000, end: () => void ended++ });
    await delay(1_000);
    expect(ended).toBe(0);
    process.kill(server.pid, 'SIGSTOP');
    await looking;
    process.kill(server.pid, 'SIGCONT');
    expect(ended).toBe(1);
  });

  test('answers, keeps finished runs 30 days, and knows our search attributes from its first workflow on', async () => {
    await using server = await testServer();
    const { connection } = server;
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 60 * 60);
    // Refused at once by a server that does not know the attributes.
    const client = new Client({ connection });
    const values = Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map((name) => [name, [`a ${name}`]]));
    await client.workflow.start('any', { workflowId: 'one', taskQueue: 'nobody', searchAttributes: values });
    await expect
      .poll(async () => (await client.workflow.count(`SubagentsLabel = 'a SubagentsLabel'`)).count)
      .toBe(1);
    expect((await fetch(server.uiUrl)).status).toBe(200);
  });

  test('listens on loopback alone, and keeps its files to this user', async () => {
    await using server = await testServer();
    const listening = await listeningAddresses(server.pid);
    expect(listening.length).toBeGreaterThanOrEqual(2);
    expect(listening.filter((address) => !address.endsWith('7F'))).toEqual([]);
    const files = (await readdir(server.dataDir)).map((name) => join(server.dataDir, name));
    for (const path of [...files, server.logFile]) expect((await stat(path)).mode & 0o777, path).toBe(0o600);
    expect((await stat(server.dataDir)).mode & 0o777).toBe(0o700);
  });

  test('keeps its data, its retention and its ports over a restart', async () => {
    await using folder = await temporaryFolder();
    // What the URI of a database would take for something else.
    const options = {
      dataDir: join(folder.path, 'a %41 ?b #c'),
      logFile: join(folder.path, 'log'),
      onProgress: quiet,
    };
    const first = await startEmbedded({ ...options, ports: ownPorts() });
    const { connectTemporal } = await import('../../src/temporal/connect.ts');
    const target = { address: first.address, namespace: 'default', origin: 'the test' };
    const before = await connectTemporal(target);
    await new Client({ connection: before }).workflow.start('any', {
      workflowId: 'kept',
      taskQueue: 'nobody',
    });
    await before.close();
    await first.stop();
    expect(await first.exited).toEqual({ exitCode: 0, signal: undefined });

    const second = await startEmbedded(options);
    try {
      expect([second.address, second.uiUrl]).toEqual([first.address, first.uiUrl]);
      const after = await connectTemporal(target);
      const kept = await new Client({ connection: after }).workflow.getHandle('kept').describe();
      expect(kept.status.name).toBe('RUNNING');
      await after.close();
    } finally {
      await second.stop();
    }
  });

  test('two on different data take different ports; a taken one is passed over', async () => {
    await using folder = await temporaryFolder();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const start = (name: string) =>
      startEmbedded({
        dataDir: join(folder.path, name),
        logFile: join(folder.path, `${name}.log`),
        onProgress: quiet,
        ports: { grpc: port },
      });
    const servers = await Promise.all([start('a'), start('b')]);
    try {
      const addresses = servers.flatMap(({ address, uiUrl }) => [address, uiUrl]);
      expect(new Set(addresses).size).toBe(4);
      expect(addresses).not.toContain(`127.0.0.1:${port}`);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      taken.close();
    }
  });

  test('hears nothing of TEMPORAL_* variables', async () => {
    await using folder = await temporaryFolder();
    const server = await startEmbedded({
      dataDir: join(folder.path, 'data'),
      logFile: join(folder.path, 'log'),
      onProgress: quiet,
      env: { ...process.env, TEMPORAL_ADDRESS: 'company.example:7233', TEMPORAL_API_KEY: 'secret' },
    });
    try {
      const environment = await execa('cat', [`/proc/${server.pid}/environ`]);
      expect(environment.stdout).not.toContain('TEMPORAL_A');
    } finally {
      await server.stop();
    }
  });

  test('says so when it is killed', async () => {
    await using server = await testServer();
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toMatchObject({ signal: 'SIGKILL' });
  });
});

describe('data that another process had', () => {
  test('the server that a killed process left behind is ended, and its data taken over', async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, 'data');
    await using parent = startChild(import.meta.url, 'children/start-embedded.ts', [dataDir]);
    const orphan = Number((await parent.line(/^server (\d+)/))[1]);
    const startTime = processStartTime(orphan) ?? '';
    await parent.kill();
    expect(isAlive(orphan, startTime)).toBe(true);

    const server = await startEmbedded({ dataDir, logFile: join(folder.path, 'log'), onProgress: quiet });
    expect(isAlive(orphan, startTime)).toBe(false);
    expect(server.pid).not.toBe(orphan);
    await server.stop();
  });

  test('the server of a living process is left alone', async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, 'data');
    await using parent = startChild(import.meta.url, 'children/start-embedded.ts', [dataDir]);
    const pid = Number((await parent.line(/^server (\d+)/))[1]);
    const startTime = processStartTime(pid) ?? '';
    try {
      const second = startEmbedded({ dataDir, logFile: join(folder.path, 'log'), onProgress: quiet });
      await expect(second).rejects.toMatchObject({
        code: 'HOME_BUSY',
        message: expect.stringContaining(String(parent.pid)) as string,
      });
      expect(isAlive(pid, startTime)).toBe(true);
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  test('a record of a reused pid ends nobody', async () => {
    await using folder = await temporaryFolder();
    await using bystander = startChild(import.meta.url, '../system/children/hold-lock.ts', [
      join(folder.path, 'lock'),
    ]);
    await bystander.line(/^ready$/);
    const gone = { pid: 4_194_303, startTime: 'x-1' };
    await writeFile(
      join(folder.path, 'server.json'),
      JSON.stringify({ server: { pid: bystander.pid, startTime: 'x-2' }, parent: gone }),
    );
    const log = join(folder.path, 'logs', 'log');
    const server = await startEmbedded({ dataDir: folder.path, logFile: log, onProgress: quiet });
    await server.stop();
    expect(processStartTime(bystander.pid)).toBeDefined();
  });

  test('a first start that was killed half-way does not spoil the next', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'unfinished'), '');
    await writeFile(join(folder.path, 'temporal.db'), '');
    const log = join(folder.path, 'logs', 'log');
    const server = await startEmbedded({ dataDir: folder.path, logFile: log, onProgress: quiet });
    await server.stop();
    expect(await readdir(folder.path)).not.toContain('unfinished');
  });
});

test('a server that cannot start says why, with the end of its log', async () => {
  await using folder = await temporaryFolder();
  const { path } = await ensureTemporalBinary({ onProgress: quiet });
  const broken = join(folder.path, 'temporal');
  await writeFile(
    broken,
    `#!/bin/sh\n[ "$1" != server ] && exec '${path}' "$@"\necho 'it is broken' >&2\nexit 1\n`,
  );
  await chmod(broken, 0o755);
  const logFile = join(folder.path, 'logs', 'log');
  const env = { ...process.env, SUBAGENTS_TEMPORAL_PATH: broken };
  const start = startEmbedded({ dataDir: join(folder.path, 'data'), logFile, onProgress: quiet, env });
  await expect(start).rejects.toMatchObject({
    code: 'TEMPORAL_UNREACHABLE',
    message: expect.stringMatching(/did not start: it ended with exit code 1[^]*it is broken/) as string,
    remedy: expect.stringContaining(logFile) as string,
  });
});

test('a database that is none is named in a sentence, with a way out', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'temporal.db'), 'this is no database'.repeat(100));
  const start = startEmbedded({
    dataDir: folder.path,
    logFile: join(folder.path, 'logs', 'log'),
    onProgress: quiet,
  });
  await expect(start).rejects.toMatchObject({
    code: 'DATABASE',
    message: expect.stringMatching(/^the database of Temporal,.*temporal\.db/) as string,
    remedy: expect.stringContaining('restore a copy of temporal.db') as string,
  });
});

/** The local addresses, as /proc/net/tcp has them, on which process `pid` listens. */
async function listeningAddresses(pid: number): Promise<string[]> {
  const { stdout: links } = await execa('ls', ['-l', `/proc/${pid}/fd`]);
  const inodes = new Set([...links.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode));
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => execa('cat', [`/proc/net/${table}`])));
  return tables
    .flatMap(({ stdout }) => stdout.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && inodes.has(inode ?? ''))
    .map(([, local = '']) => local.split(':')[0] ?? '');
}
