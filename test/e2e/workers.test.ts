/** Workers as things one can see: listed, looked at before the first spawn, healthy or not, given up, ended when idle. */
import { appendFile, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Subagents, type WorkerInfo } from '../../src/client/index.ts';
import { CONTRACT_VERSION, WORKER, workerWorkflowId } from '../../src/contract/index.ts';
import { run, start, type Ran } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { NO_GIT_CONFIGURATION } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';
import { withClient } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
let url: string;
const beside = (name: string): string => join(dirname(fleet.home), name);

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('make', [bash('echo made > made.txt && git add . && git commit -qm "Make it"'), { text: 'Made.' }]),
      on('ask', [{ tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] }, { text: 'That.' }]),
      on('sit', [bash('sleep 1231'), { text: 'Sat.' }]),
    ],
    { worker: false, files: { '.subagents.json': '{"verify": ["sh check.sh", "no-such-tool --all"]}' } },
  );
  await fleet.repository.git('clone', '--quiet', '--bare', fleet.repository.path, beside('origin.git'));
  url = `file://${beside('origin.git')}`;
  subagents = await Subagents.connect({
    ...fleet.target,
    home: beside('client'),
    env: { ...fleet.target.env, SUBAGENTS_HOST: 'hostc' },
  });
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

async function startOn(host: string, pools: readonly string[], more: Readonly<Record<string, string>> = {}) {
  await mkdir(beside(host), { recursive: true, mode: 0o700 });
  return fleet.startWorker(beside(host), { SUBAGENTS_HOST: host, ...more }, pools);
}
/** A command of a machine that has no home of a worker. */
const command = (...args: string[]): Promise<Ran> =>
  run(['--address', fleet.server.address, ...args], {
    home: beside('client'),
    env: { SUBAGENTS_HOST: 'hostc', NO_COLOR: '1' },
  });
const find = async (workerId: string): Promise<WorkerInfo | undefined> =>
  (await subagents.workers()).workers.find((worker) => worker.workerId === workerId);
/** `subagents worker` in a process of its own, once it is ready. */
async function startCommand(host: string, ...args: string[]) {
  const home = beside(host);
  const env = { ...fleet.model.env, ...NO_GIT_CONFIGURATION, SUBAGENTS_HOST: host };
  const process = start(['--address', fleet.server.address, 'worker', '--json', ...args], { home, env });
  let said = '';
  process.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
  await Promise.race([
    eventually(() => said.includes('worker-ready')),
    process.then(({ stderr }) => {
      throw new Error(`the worker ended: ${stderr}`);
    }),
  ]);
  const { workerId, log } = JSON.parse(said.split('\n')[0] ?? '') as { workerId: string; log: string };
  const health = (): Promise<Ran> => run(['worker', 'health', '--json'], { home });
  return { process, workerId, log, home, health };
}
const stateOf = ({ stdout }: Ran): unknown => (JSON.parse(stdout) as { state: unknown }).state;

describe('subagents workers', () => {
  it('says what to do where there are none', async () => {
    const { exitCode, stdout } = await command('workers');
    expect(exitCode).toBe(3);
    expect(stdout).toContain('No workers.');
    expect(stdout).toContain(
      '`subagents up` on this machine, or `subagents worker` for an existing Temporal',
    );
  });

  it('lists those that are here, with what they have; one that stopped is gone, one that was killed is away', async () => {
    const [a, b] = await Promise.all([
      startOn('hosta', ['default', 'narrow']),
      startOn('hostb', ['narrow'], { SUBAGENTS_MODELS: 'm1,m2', SUBAGENTS_REPOS: 'https://git.example' }),
    ]);
    const known = await eventually(async () => {
      const found = await find(a.workerId);
      return found?.versions.copilot === undefined ? undefined : found;
    });
    expect(known).toMatchObject({
      host: 'hosta',
      presence: 'here',
      state: 'running',
      pools: ['default', 'narrow'],
      slots: { inUse: 0 },
      sandbox: 'on',
      home: beside('hosta'),
      versions: { contract: CONTRACT_VERSION, product: expect.stringMatching(/^\d/) as string },
    });
    expect(known.freeBytes).toBeGreaterThan(0);
    expect(Date.parse(known.lastSeen ?? '')).toBeGreaterThan(Date.now() - 70_000);
    const { workers } = await subagents.workers();
    expect(workers.map(({ host }) => host)).toEqual(['hosta', 'hostb']);
    expect(workers[1]).toMatchObject({ models: ['m1', 'm2'], repositories: ['https://git.example'] });

    const session = subagents.session('seen');
    await session.spawn({ label: 'sitter', task: 'sit', repo: url });
    await eventually(async () => (await find(a.workerId))?.slots?.inUse === 1);
    await session.subagent('sitter').kill();

    const listed = await command('workers');
    expect(listed.exitCode).toBe(0);
    expect(listed.stdout).not.toContain('\u001B');
    const [, , titles, first, second] = listed.stdout.split('\n');
    expect(titles).toMatch(/^WORKER +HOST +SEEN +SLOTS +POOLS +DISK +SINCE +VERSIONS +HAS$/);
    expect(first).toMatch(
      new RegExp(`^${a.workerId} +\\S+@hosta +now +\\d/\\d+ +default, narrow +[\\d.]+ GiB`),
    );
    expect(second).toContain('only m1, m2; repositories https://git.example; sandbox on');

    const refused = await command('worker', 'forget', b.workerId);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(`worker ${b.workerId} is not away: it polls for tasks`);
    await a.stop();
    await eventually(async () => (await find(a.workerId)) === undefined);

    await b.kill();
    await eventually(async () => (await find(b.workerId))?.presence === 'away');
    const away = await command('workers');
    expect(away.exitCode).toBe(3);
    expect(away.stdout).toMatch(new RegExp(`^${b.workerId} +\\S+@hostb +away `, 'm'));
    expect(away.stdout).toContain(`subagents worker forget ${b.workerId}`);
    const given = await command('worker', 'forget', b.workerId, '--json');
    expect(JSON.parse(given.stdout)).toEqual({ workerId: b.workerId, lost: [] });
    await eventually(async () => (await find(b.workerId)) === undefined);
    const again = await command('worker', 'forget', b.workerId);
    expect(again.stderr).toContain(`the server knows no worker "${b.workerId}"`);

    const back = await startOn('hostb', ['narrow']);
    expect(await find(back.workerId)).toMatchObject({ workerId: b.workerId, presence: 'here' });
    await back.stop();
  });

  it('shows what polls without having described itself, and believes no stranger', async () => {
    const worker = await startOn('hosta', []);
    // With more to say, it would notice that nobody listens, and show itself again.
    await eventually(async () => {
      const found = await find(worker.workerId);
      return found?.access !== undefined && found.versions.copilot !== undefined;
    });
    await withClient(fleet, async ({ workflow }) => {
      await workflow
        .getHandle(workerWorkflowId(worker.workerId))
        .signal(WORKER.describe, { host: 'elsewhere' });
      const known = await find(worker.workerId);
      await workflow
        .getHandle(workerWorkflowId(worker.workerId))
        .signal(WORKER.describe, { ...known, workerId: 'w-other222', at: new Date().toISOString() });
      expect(await find(worker.workerId)).toMatchObject({ host: 'hosta' });
      await workflow.getHandle(workerWorkflowId(worker.workerId)).terminate();
    });
    const found = await eventually(async () => {
      const bare = await find(worker.workerId);
      return bare?.home === undefined ? bare : undefined;
    });
    expect(found).toMatchObject({
      host: 'hosta',
      presence: 'here',
      versions: { contract: CONTRACT_VERSION },
    });
    expect((await command('workers')).stdout).toContain('unknown: of another version');
    await worker.stop();
  });
});

describe('doctor --pool', () => {
  it('has a worker of the pool look, and read the repository', async () => {
    const worker = await startOn('hosta', ['default']);
    const found = await subagents.checkPool('default', { repo: url });
    expect(found).toMatchObject({ pool: 'default', workerId: worker.workerId, host: 'hosta', ok: false });
    const byName = new Map(found.checks.map((check) => [check.name, check]));
    for (const name of ['worker', 'server', 'store', 'git', 'Copilot', 'model', 'sandbox', 'disk', 'clone'])
      expect(byName.get(name)?.result, name).toMatch(/ok|warn/);
    expect(byName.get('clone')?.detail).toContain(fleet.repository.first.slice(0, 12));
    expect(byName.get('programs')).toMatchObject({
      result: 'fail',
      detail: 'not there: no-such-tool (of `no-such-tool --all`)',
    });

    const { exitCode, stdout } = await command('doctor', '--pool', 'default', '--repo', url);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`1 of ${found.checks.length} checks failed on worker ${worker.workerId}.`);
    const ready = await command('doctor', '--pool', 'default', '--json');
    expect(ready.exitCode).toBe(0);
    expect(JSON.parse(ready.stdout)).toMatchObject({ ok: true, pool: 'default', worker: worker.workerId });
    await worker.stop();
  });

  it('says that a URL cannot be read, that a path cannot go there, and how a pool gets a worker', async () => {
    const worker = await startOn('hosta', ['default'], { SUBAGENTS_STORE: beside('no-store') });
    const nowhere = `file://${beside('nowhere.git')}`;
    const unread = await command('doctor', '--pool', 'default', '--repo', nowhere, '--json');
    expect(unread.exitCode).toBe(1);
    const { checks } = JSON.parse(unread.stdout) as {
      checks: { name: string; result: string; detail: string }[];
    };
    expect(checks.find(({ name }) => name === 'clone')).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining(`${nowhere} cannot be read`) as string,
    });
    expect(checks.find(({ name }) => name === 'store')).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining('a store needs keys') as string,
    });
    const path = await command('doctor', '--pool', 'default', '--repo', '.');
    expect([path.exitCode, path.stderr]).toEqual([2, expect.stringContaining('. is a path')]);
    const bare = await command('doctor', '--repo', url);
    expect([bare.exitCode, bare.stderr]).toEqual([
      2,
      expect.stringContaining('subagents doctor --pool default'),
    ]);
    const empty = await command('doctor', '--pool', 'empty');
    expect(empty.exitCode).toBe(3);
    expect(empty.stderr).toContain('no worker is in pool empty');
    expect(empty.stderr).toContain('subagents worker --pool empty');
    await worker.stop();
  });
});

describe('subagents worker health', () => {
  it('is that of this home: none, alive, hung, gone', async () => {
    const other = await startOn('hosta', []);
    const none = await run(['worker', 'health'], { home: beside('hostd') });
    expect([none.exitCode, none.stdout]).toEqual([1, `no worker runs in ${beside('hostd')}`]);

    const { process, workerId, home, health } = await startCommand('hostd');
    const alive = await health();
    expect([alive.exitCode, stateOf(alive)]).toEqual([0, 'running']);
    process.kill('SIGSTOP');
    const hung = await eventually(async () => {
      const found = await health();
      return found.exitCode === 1 && found;
    });
    expect(stateOf(hung)).toBe('silent');
    expect(hung.stdout).toContain(`worker ${workerId} (process ${process.pid}) has not answered for 3`);
    process.kill('SIGCONT');
    await eventually(async () => (await health()).exitCode === 0);
    process.kill('SIGKILL');
    await process;
    const gone = await health();
    expect([gone.exitCode, stateOf(gone)]).toEqual([1, 'gone']);
    const status = await run(['status', '--json'], { home });
    expect(JSON.parse(status.stdout)).toMatchObject({ worker: { healthy: false, state: 'gone' } });
    await other.stop();
  });
});

describe('subagents worker', () => {
  it('keeps a log in its home that stays bounded while it runs', async () => {
    const { process, log, home, workerId } = await startCommand('hoste');
    expect(log).toBe(join(home, 'logs/worker.log'));
    expect(await readFile(log, 'utf8')).toContain(`worker ${workerId} runs`);
    expect((await stat(log)).mode & 0o777).toBe(0o600);
    await appendFile(log, 'x'.repeat(11 * 1024 * 1024));
    await eventually(async () => (await stat(log)).size === 0);
    expect((await stat(`${log}.1`)).size).toBeGreaterThan(11 * 1024 * 1024);
    process.kill('SIGTERM');
    expect((await process).exitCode).toBe(0);
    const left = await readFile(log, 'utf8');
    expect(left).toContain('stops: SIGTERM');
    expect(left).toContain('the worker has ended');
    expect((await run(['worker', 'health'], { home })).stdout).toBe(`no worker runs in ${home}`);
  });

  it('logs to another file that is named, and does not start without it', async () => {
    const named = beside('named.log');
    const { process, log } = await startCommand('hoste', '--log-file', named);
    expect(log).toBe(named);
    const { stdout } = await run(['status', '--json'], { home: beside('hoste') });
    expect(JSON.parse(stdout)).toMatchObject({ worker: { healthy: true, log: named } });
    process.kill('SIGTERM');
    await process;
    expect(await readFile(named, 'utf8')).toContain('runs');
    const missing = beside('missing/worker.log');
    const refused = await run(['--address', fleet.server.address, 'worker', '--log-file', missing], {
      home: beside('hoste'),
    });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(missing);
  });

  it('ends when idle, and not while a subagent asks, works, or a chain may need its commit', async () => {
    const other = await startOn('hosta', ['other']);
    const session = subagents.session('idle');
    const begin = () => startCommand('hostf', '--pool', 'idle', '--exit-when-idle', '2s');
    const isAlive = ({ process }: Awaited<ReturnType<typeof begin>>): boolean => process.exitCode === null;

    const first = await begin();
    await session.spawn({ label: 'sitter', task: 'sit', repo: url, pool: 'idle' });
    await eventually(async () => (await session.subagent('sitter').describe()).doing.startsWith('bash'));
    await delay(8_000);
    expect(isAlive(first)).toBe(true);
    await session.spawn({ label: 'asker', task: 'ask', repo: url, pool: 'idle' });
    await session.subagent('sitter').kill();
    await eventually(async () => (await session.subagent('asker').describe()).questions.length > 0);
    await delay(8_000);
    expect(isAlive(first)).toBe(true);
    await session.subagent('asker').answer('This.');
    expect(await session.subagent('asker').result()).toMatchObject({ worker: first.workerId });
    expect((await first.process).exitCode).toBe(0);
    expect(await find(first.workerId)).toBeUndefined();
    expect(await readFile(first.log, 'utf8')).toContain('nobody has needed this worker');

    const second = await begin();
    await session.chain({
      label: 'line',
      steps: [
        { id: 'a', task: 'make', repo: url, pool: 'idle', verify: [] },
        { id: 'b', task: 'sit', repo: url, pool: 'other', needs: 'a' },
        { id: 'c', task: 'sit', repo: url, pool: 'idle', from: 'a', needs: 'b' },
      ],
    });
    const sits = session.subagent('line.b');
    await eventually(async () => (await sits.describe().catch(() => undefined))?.doing.startsWith('bash'));
    await delay(8_000);
    expect(isAlive(second)).toBe(true);
    await session.subagent('line').kill();
    expect((await second.process).exitCode).toBe(0);
    await other.stop();
  });
});
