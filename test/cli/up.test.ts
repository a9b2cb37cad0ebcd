import { randomUUID } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, test, vi } from 'vitest';
import {
  cleanJson,
  doctorJson,
  downJson,
  failureJson,
  listJson,
  statusJson,
  upDetachedJson,
  upEventJson,
} from '../../src/cli/json.ts';
import { openHome } from '../../src/home/home.ts';
import { recordRun } from '../../src/home/run-record.ts';
import { lockHome } from '../../src/home/lock.ts';
import { isAlive, processStartTime } from '../../src/system/process.ts';
import { startEmbedded } from '../../src/temporal/embedded/server.ts';
import { readUpFile } from '../../src/temporal/up-file.ts';
import { processTree } from '../../src/worker/up/processes.ts';
import { temporaryFolder } from '../support/home.ts';
import { startChild } from '../support/child.ts';
import { environment, MAIN, run, start } from './command.ts';
import { allGone, startUp } from './running-up.ts';

/** Each test has a home of its own, so that they run side by side: most of the time they wait. */
const it = test.extend<{ home: string }>({
  // eslint-disable-next-line no-empty-pattern
  home: async ({}, use) => {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    try {
      await use(home);
    } finally {
      await run(['down', '--now'], { home });
    }
  },
});

const json = async (home: string, ...args: string[]): Promise<unknown> => {
  const { stdout, stderr } = await run([...args, '--json'], { home });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
};

/** Runs a command where the home lies on a disk of its own, of 300 MB. */
const onSmallDisk = (path: string): string[] => {
  const mount = 'mkdir -p "$0" && mount -t tmpfs -o size=300m,mode=700 small "$0" && exec "$@"';
  return ['unshare', '-Urm', 'sh', '-c', mount, path];
};
const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

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

describe.concurrent('up in the foreground', () => {
  it('runs server and worker, is found by the other commands, and leaves nothing on Ctrl-C', async ({
    home,
  }) => {
    await using up = startUp({ home });
    const server = await up.event('server-ready');
    expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
    const worker = await up.event('worker-ready');
    expect(worker).toMatchObject({ again: false, workerId: expect.stringMatching(/^w-/) as string });

    const status = statusJson.parse(await json(home, 'status'));
    const keys = expect.stringMatching(/^r-[0-9a-f]{8}$/) as string;
    expect(status).toMatchObject({ home, workers: true, live: 0, problems: [], keys });
    expect(status.up).toMatchObject({ pid: up.pid, address: server.address, workerPid: worker.pid });
    expect(status.server?.uiUrl).toBe(server.uiUrl);
    const list = listJson.parse(await json(home, 'list'));
    expect(list).toMatchObject({ subagents: [], workerless: false, server: { address: server.address } });
    const opened = new URL((await run(['open'], { home })).stdout);
    expect(opened.href).toContain(`${server.uiUrl}/subagents/enter?`);
    expect(opened.searchParams.get('to')).toBe('/subagents?namespace=default');

    const family = up.family();
    expect(family.length).toBeGreaterThanOrEqual(3);
    up.signal('SIGINT');
    await up.event('stopped');
    expect((await up.ended).exitCode).toBe(0);
    await allGone(family);
    expect(readUpFile(home)).toBeUndefined();
    expect(existsSync(join(home, 'up.json'))).toBe(false);
  });

  it('ignores the user’s own Temporal, and keeps the home to its user', async ({ home }) => {
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

  it('lets a worker and a client with another home join its server, once they have its keys', async ({
    home,
  }) => {
    await using up = startUp({ home });
    const { address } = await up.event('server-ready');
    await up.event('worker-ready');
    const second = `${home}-second`;
    for (const command of ['worker', 'list']) {
      const refused = await run([command, '--address', address, '--json'], { home: second });
      const { error } = failureJson.parse(JSON.parse(refused.stderr.trim().split('\n').at(-1) ?? ''));
      expect(error, command).toMatchObject({
        code: 'KEY_MISSING',
        message: expect.stringMatching(/key ring r-[0-9a-f]{8}, and none was found/) as string,
        remedy: expect.stringContaining('SUBAGENTS_KEYS=file:<that home>/keys.json') as string,
      });
    }
    const env = { SUBAGENTS_KEYS: `file:${join(home, 'keys.json')}` };
    expect((await run(['list', '--address', address], { home: second, env })).exitCode).toBe(0);
    // The home of the server needs no setting, whatever way the server is named.
    expect((await run(['list', '--address', address], { home })).exitCode).toBe(0);
    const joined = start(['worker', '--address', address, '--json'], { home: second, env });
    let output = '';
    joined.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await vi.waitFor(() => expect(output).toContain('\n'), { timeout: 60_000 });
      const ready = upEventJson.parse(JSON.parse(output));
      expect(ready).toMatchObject({
        event: 'worker-ready',
        workerId: expect.stringMatching(/^w-/) as string,
      });
      const busy = await run(['worker', '--address', address], { home: second, env });
      expect(busy.exitCode).toBe(1);
      expect(busy.stderr).toContain(`a worker already uses ${second}: process ${joined.pid}`);
    } finally {
      joined.kill('SIGTERM');
    }
    expect((await joined).exitCode).toBe(0);
    expect((await run(['worker', '--address', '127.0.0.1:1'], { home: second, env })).exitCode).toBe(3);
  });

  it('refuses a home that another one has, and says who', async ({ home }) => {
    await using up = startUp({ home });
    await up.event('worker-ready');
    const { exitCode, stderr } = await run(['up', '--json'], { home });
    expect(exitCode).toBe(1);
    const { error } = failureJson.parse(JSON.parse(stderr));
    expect(error.code).toBe('HOME_BUSY');
    expect(error.message).toContain(`process ${up.pid}`);
    expect(error.remedy).toContain('subagents down');
  });

  it('goes on where it cannot write what runs, and says so', async ({ home }) => {
    await using up = startUp({ home });
    const worker = await up.event('worker-ready');
    const file = join(home, 'up.json');
    rmSync(file);
    mkdirSync(join(file, 'in-the-way'), { recursive: true });
    process.kill(worker.pid, 'SIGKILL');
    expect((await up.event('unwritten')).message).toContain(
      `could not write the file that records what runs: cannot write ${file}`,
    );
    expect(await up.event('worker-ready')).toMatchObject({ again: true, workerId: worker.workerId });
    rmSync(file, { recursive: true });
    up.signal('SIGINT');
    expect((await up.ended).exitCode).toBe(0);
  });

  it('starts a killed worker and a killed server again, on the same address', async ({ home }) => {
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
    expect(listJson.parse(await json(home, 'list')).server.address).toBe(server.address);
  });

  it('replaces a worker that lives and does not answer', async ({ home }) => {
    await using up = startUp({ home });
    const worker = await up.event('worker-ready');
    process.kill(worker.pid, 'SIGSTOP');
    expect((await up.event('silent')).message).toBe(
      'the worker has not answered for 30 s and is being replaced',
    );
    expect(await up.event('died')).toMatchObject({ part: 'worker', signal: 'SIGKILL' });
    expect(await up.event('worker-ready')).toMatchObject({ again: true, workerId: worker.workerId });
  });

  it('keeps its worker where the whole machine stood still for longer than that', async ({ home }) => {
    await using up = startUp({ home });
    const worker = await up.event('worker-ready');
    const since = processStartTime(worker.pid);
    for (const pid of [worker.pid, up.pid]) process.kill(pid, 'SIGSTOP');
    await delay(35_000);
    for (const pid of [up.pid, worker.pid]) process.kill(pid, 'SIGCONT');
    // Time enough for a look whose clock had gone on, and for its report.
    await delay(5_000);
    expect(processStartTime(worker.pid)).toBe(since);
    expect([up.has('silent'), up.has('died')]).toEqual([false, false]);
  });

  it('ends with everything where its home was removed, and where the database was', async ({ home }) => {
    for (const [gone, words] of [
      [home, `the home ${home} was removed`],
      [join(home, 'temporal', 'temporal.db'), 'was removed or replaced under its server'],
    ] as const) {
      await using up = startUp({ home });
      await up.event('worker-ready');
      const family = up.family();
      // At once, whatever is being written there meanwhile.
      renameSync(gone, `${gone}.removed`);
      const { exitCode, stderr } = await up.ended;
      expect(exitCode).toBe(1);
      expect(failureJson.parse(JSON.parse(stderr)).error).toMatchObject({
        code: 'HOME_GONE',
        message: expect.stringContaining(words) as string,
      });
      await allGone(family);
    }
  });

  it.runIf(canMount)('waits for space where the disk is full, says so, and goes on', async ({ home }) => {
    await using up = startUp({ home }, onSmallDisk(home));
    const worker = await up.event('worker-ready');
    // As it sees it: nobody else has that disk.
    const filler = `/proc/${worker.pid}/root${home}/filler`;
    const log = join(dirname(filler), 'logs');
    expect(existsSync(log)).toBe(true);
    expect(() => writeFileSync(filler, Buffer.alloc(400_000_000))).toThrow('ENOSPC');
    const bigger = `/proc/${up.pid}/root${home}/filler`;
    process.kill(worker.pid, 'SIGKILL');
    expect((await up.event('no-space')).message).toMatch(
      /^the worker waits for space: \d+ MB are free on the disk of .*, but it needs 50 MB$/,
    );
    rmSync(bigger);
    expect(await up.event('worker-ready')).toMatchObject({ again: true, workerId: worker.workerId });
  });

  it('ends at once on a second Ctrl-C', async ({ home }) => {
    await using up = startUp({ home });
    await up.event('worker-ready');
    const family = up.family();
    up.signal('SIGINT');
    await up.event('stopping');
    up.signal('SIGINT');
    expect((await up.ended).exitCode).toBe(130);
    await allGone(family);
  });

  it('killed, takes its worker along; the next one starts over what is left', async ({ home }) => {
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

  it('gives up a worker that cannot start, with the reason, and leaves nothing', async ({ home }) => {
    const lock = await lockHome(await openHome(home), 'worker');
    try {
      const { exitCode, stderr } = await run(['up', '--json'], { home });
      expect(exitCode).toBe(1);
      expect(failureJson.parse(JSON.parse(stderr)).error.message).toContain(
        `a worker already uses ${home}: process ${process.pid}`,
      );
      expect(readUpFile(home)).toBeUndefined();
      expect(downJson.parse(await json(home, 'down')).stopped).toBe(false);
    } finally {
      lock.release();
    }
  });

  it('names a setting that is wrong, before it starts anything', async ({ home }) => {
    const { exitCode, stderr } = await run(['up'], { home, env: { SUBAGENTS_SLOTS: 'many' } });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('SUBAGENTS_SLOTS=many');
    expect(existsSync(join(home, 'temporal', 'server.json'))).toBe(false);
  });
});

describe.concurrent('up in the background', () => {
  it('is ready when the command returns, is one, and `down` proves that nothing is left', async ({
    home,
  }) => {
    const first = upDetachedJson.parse(await json(home, 'up', '--detach'));
    expect(first).toMatchObject({ started: true, home });
    expect((await run(['status'], { home })).exitCode).toBe(0);
    const second = upDetachedJson.parse(await json(home, 'up', '--detach'));
    expect(second).toMatchObject({ started: false, pid: first.pid, address: first.address });

    const family = processTree(first.pid);
    expect(family.length).toBeGreaterThanOrEqual(3);
    const { exitCode, stdout } = await run(['down'], { home });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/down: \d+ processes stopped, none left/);
    expect(family.filter(({ pid, startTime }) => isAlive(pid, startTime))).toEqual([]);
    const nothing = downJson.parse(await json(home, 'down'));
    expect(nothing).toMatchObject({ stopped: false, left: [] });
  });

  it('makes a key at the first start and says once where it is; the server listens on loopback alone', async ({
    home,
  }) => {
    const first = await run(['up', '--detach'], { home });
    expect(first.stderr).toMatch(/encrypted, with the key in .*keys\.json\.\n.*subagents keys backup/);
    expect(first.stderr).not.toContain('other accounts');
    const ring = readFileSync(join(home, 'keys.json'), 'utf8');
    expect(statSync(join(home, 'keys.json')).mode & 0o777).toBe(0o600);
    const address = readUpFile(home)?.address ?? '';
    expect(listeningOn(Number(address.split(':')[1]))).toEqual(['0100007F']);
    await run(['down'], { home });
    expect((await run(['up', '--detach'], { home })).stderr).not.toContain('encrypted');
    expect(readFileSync(join(home, 'keys.json'), 'utf8')).toBe(ring);
    await run(['down'], { home });
    for (const ip of ['0.0.0.0', '192.168.1.5', '::', '127.0.0.2']) {
      const { exitCode, stderr } = await run(['up', '--ip', ip], { home });
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/neither TLS nor a password.*\n?.*subagents worker --address/);
    }
  });

  it('makes no key with SUBAGENTS_KEYS=off, nor for a home from before its first key, and says once what that means', async ({
    home,
  }) => {
    const off = await run(['up', '--detach'], { home, env: { SUBAGENTS_KEYS: 'off' } });
    expect(off.stderr).toMatch(
      /not encrypted: other accounts of this machine can reach it.*run any command as you.*\n.*subagents keys init/,
    );
    await run(['down'], { home });
    const again = await run(['up', '--detach'], { home });
    expect(again.exitCode).toBe(0);
    expect(again.stderr).not.toContain('other accounts');
    expect(existsSync(join(home, 'keys.json'))).toBe(false);
    expect((await run(['open'], { home })).stdout).toBe(
      `${readUpFile(home)?.uiUrl}/subagents?namespace=default`,
    );
    await run(['down'], { home });
  });

  it('goes on when who started it loses its reader, or is interrupted after it was ready', async ({
    home,
  }) => {
    // As `up --detach | head -1`: nobody reads what the command says once it is ready.
    const command = [process.execPath, MAIN, 'up', '--detach'];
    await execa('sh', ['-c', '"$@" | true', 'sh', ...command], {
      env: environment({ home }),
      extendEnv: false,
      reject: false,
    });
    const up = readUpFile(home);
    expect(up).toBeDefined();
    expect(statusJson.parse(await json(home, 'status')).up?.pid).toBe(up?.pid);
    const log = join(home, 'logs', 'up.log');
    expect(readFileSync(log, 'utf8')).not.toContain('Stopping');
    await run(['down'], { home });
    expect(readFileSync(log, 'utf8')).toContain('Stopping');
    rmSync(log);

    // As Ctrl-C on `spawn --wait` that had started it.
    await using child = startChild(
      import.meta.url,
      './children/start-detached.ts',
      [],
      environment({ home }),
    );
    const [, pid] = await child.line(/^ready (\d+)$/);
    child.say('interrupt');
    await child.line(/^interrupted$/);
    expect(statusJson.parse(await json(home, 'status')).up?.pid).toBe(Number(pid));
    expect(readFileSync(log, 'utf8')).not.toContain('Stopping');
  });

  it('fails with what `up` failed with', async ({ home }) => {
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

describe.concurrent('what a crash or a new database leaves', () => {
  it('is named: the server of an `up` that was killed alone', async ({ home }) => {
    await using up = startUp({ home });
    const server = await up.event('server-ready');
    const worker = await up.event('worker-ready');
    const family = up.family();
    up.signal('SIGKILL');
    await up.ended;
    const { problems } = statusJson.parse(await json(home, 'status'));
    expect(problems[0]?.message).toContain(`its Temporal server (process ${server.pid}) still runs`);
    const down = await run(['down'], { home });
    expect(down.stdout).toContain(`its Temporal server (process ${server.pid}) was stopped`);
    expect(worker.pid).toBeGreaterThan(0);
    await allGone(family);
  });

  it('is said in a sentence, and cleaned: a damaged database, and runs that a new one does not know', async ({
    home,
  }) => {
    const first = await openHome(home);
    const database = join(first.paths.temporal, 'temporal.db');
    const up = ['up', '--json'];
    mkdirSync(first.paths.temporal, { recursive: true });
    for (const content of ['', 'x'.repeat(50_000)]) {
      writeFileSync(database, content);
      const { exitCode, stderr } = await run(up, { home });
      expect(exitCode).toBe(1);
      const { error } = failureJson.parse(JSON.parse(stderr));
      expect(error).toMatchObject({
        code: 'DATABASE',
        message: `the database of Temporal, ${database}, is damaged or empty: the server cannot start on it`,
      });
      expect(error.remedy).toContain('subagents list');
    }
    rmSync(database);

    const subagent = (label: string) => ({
      session: 'before',
      label,
      run: 1,
      workflowId: `subagent/before/${label}`,
      runId: randomUUID(),
      copilotSessionId: randomUUID(),
    });
    const workspace = { isolation: 'worktree', repository: '/gone', base: 'main' } as const;
    for (const label of ['one', 'two'])
      recordRun(first, {
        subagent: subagent(label),
        ...workspace,
        cwd: join(first.paths.worktrees, label),
        branch: `subagents/${label}`,
      });
    await run(['up', '--detach'], { home });
    const list = listJson.parse(await json(home, 'list'));
    expect(
      list.subagents.map(({ label, unknown, status }) => ({ label, unknown, status })).sort(byLabel),
    ).toEqual([
      { label: 'one', unknown: true, status: 'lost' },
      { label: 'two', unknown: true, status: 'lost' },
    ]);
    expect(list.notes.join()).toContain('this home has 2 runs that its server has no record of');
    expect((await run(['list'], { home })).stdout).toContain('its branch is subagents/one in /gone');
    const some = (await run(['clean', 'before/one', '--json'], { home })).stdout;
    expect(cleanJson.parse(JSON.parse(some)).runs).toMatchObject([{ label: 'one', kept: [] }]);
    const all = (await run(['clean', '--all-sessions', '--json'], { home })).stdout;
    expect(cleanJson.parse(JSON.parse(all)).runs).toMatchObject([{ label: 'two', kept: [] }]);
    expect(listJson.parse(await json(home, 'list')).subagents).toEqual([]);
  });
});

/** What `up` says of its database. @param within a command that it runs in */
async function databaseFailure(home: string, within: readonly string[] = []): Promise<object> {
  const { exitCode, stderr } = await start(['up', '--json'], { home }, within);
  expect(exitCode).toBe(1);
  return failureJson.parse(JSON.parse(stderr)).error;
}

/** Whose rights a command has that is not root's, though its files are. */
const AS_ORDINARY =
  process.geteuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--'] : [];
/** Holds what is asked of it, of a database, until it is killed. */
const HOLD = `import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute('PRAGMA locking_mode = EXCLUSIVE')
database.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
time.sleep(3600)`;
const python = '/usr/bin/python3';

describe.concurrent('a database that cannot be used', () => {
  /** A home with a database that a server has used. @returns the file */
  async function used(home: string): Promise<string> {
    const { temporal } = (await openHome(home)).paths;
    const logFile = join(home, 'logs', 'server.log');
    const server = await startEmbedded({ dataDir: temporal, logFile, onProgress: () => undefined });
    await server.stop();
    return join(temporal, 'temporal.db');
  }

  it.runIf(existsSync(python))('because another program has it locked', async ({ home }) => {
    const database = await used(home);
    const holder = execa(python, ['-c', HOLD, database], { reject: false });
    try {
      await once(holder.stdout, 'data');
      expect(await databaseFailure(home)).toMatchObject({
        code: 'DATABASE',
        message: `another program has the database of Temporal, ${database}, locked`,
        remedy: `stop that program (\`fuser ${database}\` shows it: perhaps a backup or an sqlite3 shell), then run this again`,
      });
    } finally {
      holder.kill('SIGKILL');
      await holder;
    }
    await using up = startUp({ home });
    await up.event('worker-ready');
  });

  it('because its mode lets nobody write it', async ({ home }) => {
    const database = await used(home);
    chmodSync(database, 0o400);
    expect(await databaseFailure(home, AS_ORDINARY)).toMatchObject({
      code: 'DATABASE',
      message: `the database of Temporal, ${database}, cannot be opened for writing`,
      remedy: 'make it a file that you own and can write, on a disk that is not read-only',
    });
    chmodSync(database, 0o600);
    await using up = startUp({ home });
    await up.event('worker-ready');
  });

  it.runIf(canMount)('because it lies on a disk that is read-only', async ({ home }) => {
    const database = await used(home);
    const readOnly = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
    expect(await databaseFailure(home, ['unshare', '-Urm', 'sh', '-c', readOnly, database])).toMatchObject({
      code: 'DATABASE',
      message: `the database of Temporal, ${database}, cannot be opened for writing`,
    });
  });
});

const byLabel = (a: { label: string }, b: { label: string }): number => a.label.localeCompare(b.label);

describe.concurrent('down and status where nothing is', () => {
  it('say so, and make nothing', async ({ home }) => {
    expect((await run(['down'], { home })).stdout).toBe(`Nothing runs in ${home}.`);
    const { exitCode, stdout } = await run(['status', '--json'], { home });
    expect(exitCode).toBe(3);
    const status = statusJson.parse(JSON.parse(stdout));
    expect(status).toMatchObject({ up: null, server: null, workers: false });
    expect(status.problems[0]?.remedy).toContain('subagents up');
    expect(existsSync(home)).toBe(false);
  });
});

describe.concurrent('doctor', () => {
  it('fails without a login and says what to do; is content with a provider that answers', async ({
    home,
  }) => {
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
        'pools',
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

  it('names a provider that does not answer, a Copilot CLI that is none, and a setting that is wrong', async ({
    home,
  }) => {
    const env = {
      COPILOT_PROVIDER_BASE_URL: 'http://127.0.0.1:1/v1',
      COPILOT_MODEL: 'x',
      SUBAGENTS_COPILOT_PATH: '/nowhere/copilot',
      SUBAGENTS_SLOTS: '-1',
    };
    const { checks } = doctorJson.parse(JSON.parse((await run(['doctor', '--json'], { home, env })).stdout));
    const failed = checks.filter(({ result }) => result === 'fail').map(({ name }) => name);
    expect(failed).toEqual(['Copilot', 'model', 'settings']);
  });
});
