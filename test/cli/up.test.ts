import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  doctorJson,
  downJson,
  failureJson,
  listJson,
  statusJson,
  upDetachedJson,
  upEventJson,
} from '../../src/cli/json.ts';
import { openHome } from '../../src/home/home.ts';
import { lockHome } from '../../src/home/lock.ts';
import { isAlive } from '../../src/system/process.ts';
import { readUpFile } from '../../src/temporal/up-file.ts';
import { familyOf } from '../../src/worker/up-processes.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';
import { run, start } from './command.ts';
import { allGone, startUp } from './running-up.ts';

// Each test is many processes, and two files run side by side.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let folder: TemporaryFolder;
let home: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  home = join(folder.path, 'home');
});
afterEach(async () => {
  await run(['down', '--now'], { home });
  await folder[Symbol.asyncDispose]();
});

const json = async (...args: string[]): Promise<unknown> =>
  JSON.parse((await run([...args, '--json'], { home })).stdout);

/** Addresses on which something listens at a port, as proc(5) has them. */
function listeningOn(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${hex}`))
      .map(([, local = '']) => local.split(':')[0] ?? ''),
  );
}

describe('up in the foreground', () => {
  it('runs server and worker, is found by the other commands, and leaves nothing on Ctrl-C', async () => {
    await using up = startUp({ home });
    const server = await up.event('server-ready');
    expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
    const worker = await up.event('worker-ready');
    expect(worker).toMatchObject({ again: false, workerId: expect.stringMatching(/^w-/) as string });

    const status = statusJson.parse(await json('status'));
    expect(status).toMatchObject({ home, workers: true, live: 0, problems: [] });
    expect(status.up).toMatchObject({ pid: up.pid, address: server.address, workerPid: worker.pid });
    expect(status.server?.uiUrl).toBe(server.uiUrl);
    const list = listJson.parse(await json('list'));
    expect(list).toMatchObject({ subagents: [], workerless: false, server: { address: server.address } });
    expect((await run(['open'], { home })).stdout).toBe(`${server.uiUrl}/namespaces/default/workflows`);

    const family = up.family();
    expect(family.length).toBeGreaterThanOrEqual(3);
    up.signal('SIGINT');
    await up.event('stopped');
    expect((await up.ended).exitCode).toBe(0);
    await allGone(family);
    expect(readUpFile(home)).toBeUndefined();
    expect(existsSync(join(home, 'up.json'))).toBe(false);
  });

  it('ignores the user’s own Temporal, and keeps the home to its user', async () => {
    await using up = startUp({
      home,
      env: { TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_NAMESPACE: 'company' },
    });
    expect((await up.event('server-ready')).namespace).toBe('default');
    await up.event('worker-ready');
    // Lock files of Copilot CLI in its folder are readable by all, for a moment: nobody else can enter that folder.
    const copilot = join(home, 'copilot');
    const ours = readdirSync(home, { recursive: true, withFileTypes: true })
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.startsWith(`${copilot}/`));
    expect(ours).toContain(copilot);
    expect(ours.length).toBeGreaterThan(5);
    expect(
      [home, ...ours].filter(
        (path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0,
      ),
    ).toEqual([]);
  });

  it('lets a worker with another home join its server', async () => {
    await using up = startUp({ home });
    const { address } = await up.event('server-ready');
    await up.event('worker-ready');
    const second = join(folder.path, 'second');
    const joined = start(['worker', '--address', address, '--json'], { home: second });
    let output = '';
    joined.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await vi.waitFor(() => expect(output).toContain('\n'), { timeout: 60_000 });
      const ready = upEventJson.parse(JSON.parse(output));
      expect(ready).toMatchObject({
        event: 'worker-ready',
        workerId: expect.stringMatching(/^w-/) as string,
      });
      const busy = await run(['worker', '--address', address], { home: second });
      expect(busy.exitCode).toBe(1);
      expect(busy.stderr).toContain(`a worker has ${second}: process ${joined.pid}`);
    } finally {
      joined.kill('SIGTERM');
    }
    expect((await joined).exitCode).toBe(0);
    expect((await run(['worker', '--address', '127.0.0.1:1'], { home: second })).exitCode).toBe(3);
  });

  it('refuses a home that another one has, and says who', async () => {
    await using up = startUp({ home });
    await up.event('worker-ready');
    const { exitCode, stderr } = await run(['up', '--json'], { home });
    expect(exitCode).toBe(1);
    const { error } = failureJson.parse(JSON.parse(stderr));
    expect(error.code).toBe('HOME_BUSY');
    expect(error.message).toContain(`process ${up.pid}`);
    expect(error.remedy).toContain('subagents down');
  });

  it('goes on where it cannot write what runs, and says so', async () => {
    await using up = startUp({ home });
    const worker = await up.event('worker-ready');
    const file = join(home, 'up.json');
    rmSync(file);
    mkdirSync(join(file, 'in-the-way'), { recursive: true });
    process.kill(worker.pid, 'SIGKILL');
    expect((await up.event('unwritten')).message).toContain(`could not note what runs: cannot write ${file}`);
    expect(await up.event('worker-ready')).toMatchObject({ again: true, workerId: worker.workerId });
    rmSync(file, { recursive: true });
    up.signal('SIGINT');
    expect((await up.ended).exitCode).toBe(0);
  });

  it('starts a killed worker and a killed server again, on the same address', async () => {
    await using up = startUp({ home });
    const server = await up.event('server-ready');
    const worker = await up.event('worker-ready');

    process.kill(worker.pid, 'SIGKILL');
    expect(await up.event('died')).toMatchObject({ part: 'worker', signal: 'SIGKILL', restartInMs: 0 });
    const again = await up.event('worker-ready');
    expect(again).toMatchObject({ again: true, workerId: worker.workerId });
    expect(again.pid).not.toBe(worker.pid);

    process.kill(server.pid, 'SIGKILL');
    expect(await up.event('died')).toMatchObject({ part: 'server', signal: 'SIGKILL' });
    expect(await up.event('server-ready')).toMatchObject({
      again: true,
      address: server.address,
      uiUrl: server.uiUrl,
    });
    expect(listJson.parse(await json('list')).server.address).toBe(server.address);
  });

  it('ends at once on a second Ctrl-C', async () => {
    await using up = startUp({ home });
    await up.event('worker-ready');
    const family = up.family();
    up.signal('SIGINT');
    await up.event('stopping');
    up.signal('SIGINT');
    expect((await up.ended).exitCode).toBe(130);
    await allGone(family);
  });

  it('killed, takes its worker along; the next one starts over what is left', async () => {
    await using up = startUp({ home });
    const server = await up.event('server-ready');
    const worker = await up.event('worker-ready');
    const family = up.family();
    up.signal('SIGKILL');
    await up.ended;
    await allGone(family.filter(({ pid }) => pid !== server.pid));
    expect(readUpFile(home)).toBeUndefined();

    await using next = startUp({ home });
    await next.event('server-ready');
    expect((await next.event('worker-ready')).workerId).toBe(worker.workerId);
    await allGone(family);
  });

  it('gives up a worker that cannot start, with the reason, and leaves nothing', async () => {
    const lock = await lockHome(await openHome(home), 'worker');
    try {
      const { exitCode, stderr } = await run(['up', '--json'], { home });
      expect(exitCode).toBe(1);
      expect(failureJson.parse(JSON.parse(stderr)).error.message).toContain(
        `a worker has ${home}: process ${process.pid}`,
      );
      expect(readUpFile(home)).toBeUndefined();
      expect(downJson.parse(await json('down')).stopped).toBe(false);
    } finally {
      lock.release();
    }
  });

  it('names a setting that is wrong, before it starts anything', async () => {
    const { exitCode, stderr } = await run(['up'], { home, env: { SUBAGENTS_ROOM: 'many' } });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('SUBAGENTS_ROOM=many');
    expect(existsSync(join(home, 'temporal', 'server.json'))).toBe(false);
  });
});

describe('up in the background', () => {
  it('is ready when the command returns, is one, and `down` proves that nothing is left', async () => {
    const first = upDetachedJson.parse(await json('up', '--detach'));
    expect(first).toMatchObject({ started: true, home });
    expect((await run(['status'], { home })).exitCode).toBe(0);
    const second = upDetachedJson.parse(await json('up', '--detach'));
    expect(second).toMatchObject({ started: false, pid: first.pid, address: first.address });

    const family = familyOf(first.pid);
    expect(family.length).toBeGreaterThanOrEqual(3);
    const { exitCode, stdout } = await run(['down'], { home });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/down: \d+ processes ended, none left/);
    expect(family.filter(({ pid, startTime }) => isAlive(pid, startTime))).toEqual([]);
    const nothing = downJson.parse(await json('down'));
    expect(nothing).toMatchObject({ stopped: false, left: [] });
  });

  it('says once that others can reach the server, and what to do; the server listens on loopback alone', async () => {
    const first = await run(['up', '--detach'], { home });
    expect(first.stderr).toMatch(
      /Other accounts of this machine can reach this server.*\n.*subagents worker --address/,
    );
    const address = readUpFile(home)?.address ?? '';
    expect(listeningOn(Number(address.split(':')[1]))).toEqual(['0100007F']);
    await run(['down'], { home });
    expect((await run(['up', '--detach'], { home })).stderr).not.toContain('Other accounts');
    await run(['down'], { home });
    for (const ip of ['0.0.0.0', '192.168.1.5', '::', '127.0.0.2']) {
      const { exitCode, stderr } = await run(['up', '--ip', ip], { home });
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/neither TLS nor a password.*\n?.*subagents worker --address/);
    }
  });

  it('fails with what `up` failed with', async () => {
    const { exitCode, stderr } = await run(['up', '--detach', '--json'], {
      home,
      env: { SUBAGENTS_TEMPORAL_PATH: '/nowhere/temporal' },
    });
    expect(exitCode).toBe(3);
    const { error } = failureJson.parse(JSON.parse(stderr));
    expect(error.code).toBe('TEMPORAL_MISSING');
    expect(error.message).toContain('/nowhere/temporal');
  });
});

describe('down and status where nothing is', () => {
  it('say so, and make nothing', async () => {
    expect((await run(['down'], { home })).stdout).toBe(`Nothing runs in ${home}.`);
    const { exitCode, stdout } = await run(['status', '--json'], { home });
    expect(exitCode).toBe(3);
    const status = statusJson.parse(JSON.parse(stdout));
    expect(status).toMatchObject({ up: null, server: null, workers: false });
    expect(status.problems[0]?.remedy).toContain('subagents up');
    expect(existsSync(home)).toBe(false);
  });
});

describe('doctor', () => {
  it('fails without a login and says what to do; is content with a provider that answers', async () => {
    const without = await run(['doctor', '--json'], { home });
    expect(without.exitCode).toBe(1);
    const bad = doctorJson.parse(JSON.parse(without.stdout));
    expect(bad.ok).toBe(false);
    expect(bad.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'Node',
        'git',
        'Temporal',
        'server',
        'Copilot',
        'login',
        'settings',
        'disk',
        'home',
      ]),
    );
    for (const check of bad.checks) expect(check.remedy === undefined).toBe(check.result === 'ok');
    expect(bad.checks.filter(({ result }) => result === 'fail').map(({ name }) => name)).toEqual(['login']);

    const { startScriptedModel } = await import('../support/model.ts');
    const model = await startScriptedModel([]);
    try {
      const withOne = await run(['doctor', '--json'], { home, env: model.env });
      expect(withOne.exitCode).toBe(0);
      const good = doctorJson.parse(JSON.parse(withOne.stdout));
      expect(good.checks.find(({ name }) => name === 'model')).toMatchObject({ result: 'ok' });
    } finally {
      await model.stop();
    }
  });

  it('names a provider that does not answer, a Copilot CLI that is none, and a setting that is wrong', async () => {
    const env = {
      COPILOT_PROVIDER_BASE_URL: 'http://127.0.0.1:1/v1',
      COPILOT_MODEL: 'x',
      SUBAGENTS_COPILOT_PATH: '/nowhere/copilot',
      SUBAGENTS_ROOM: '-1',
    };
    const { checks } = doctorJson.parse(JSON.parse((await run(['doctor', '--json'], { home, env })).stdout));
    const failed = checks.filter(({ result }) => result === 'fail').map(({ name }) => name);
    expect(failed).toEqual(['Copilot', 'model', 'settings']);
  });
});
