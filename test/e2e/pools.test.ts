/** Pools: two workers with a home and a host of their own, and a client with neither worker nor Copilot CLI. */
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Subagents, type SubagentsError } from '../../src/client/index.ts';
import { run } from '../cli/command.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
let url: string;
/** Ids of the workers, by host. */
const workers: Record<'hosta' | 'hostb', string> = { hosta: '', hostb: '' };
const beside = (name: string): string => join(dirname(fleet.home), name);
const client = (more: Readonly<Record<string, string>> = {}) => ({
  ...fleet.target,
  home: beside('client'),
  env: { ...fleet.target.env, SUBAGENTS_HOST: 'hostc', ...more },
});

async function startOn(host: string, pools: readonly string[], more: Readonly<Record<string, string>> = {}) {
  await mkdir(beside(host), { recursive: true, mode: 0o700 });
  return fleet.startWorker(beside(host), { SUBAGENTS_HOST: host, ...more }, pools);
}

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('make', [bash('echo made > made.txt && git add . && git commit -qm "Make it"'), { text: 'Made.' }]),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which?' } }] },
        { text: 'That one.' },
      ]),
      on('listen', [bash('sleep 1230'), { text: 'Heard.' }]),
      on('sit', [bash('sleep 1231'), { text: 'Sat.' }]),
    ],
    { worker: false },
  );
  await fleet.repository.git('clone', '--quiet', '--bare', fleet.repository.path, beside('origin.git'));
  url = `file://${beside('origin.git')}`;
  const [a, b] = await Promise.all([
    startOn('hosta', ['default', 'narrow'], { SUBAGENTS_MODELS: 'model-a', SUBAGENTS_MODEL: 'model-a' }),
    startOn('hostb', ['narrow', 'other'], { SUBAGENTS_REPOS: 'https://git.example' }),
  ]);
  Object.assign(workers, { hosta: a.workerId, hostb: b.workerId });
  subagents = await Subagents.connect(client());
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const refusal = async (spec: object, by = subagents): Promise<SubagentsError> =>
  (await by
    .session('pools')
    .spawn({ label: 'refused', task: 'make', repo: url, ...spec } as never)
    .catch((error: unknown) => error)) as SubagentsError;

describe('a client of a third host', () => {
  it('has its subagent done by a worker of the default pool, and reaches it with every command', async () => {
    const session = subagents.session('pools');
    await session.spawn({ label: 'maker', task: 'make', repo: url, verify: ['test -f made.txt'] });
    const maker = session.subagent('maker');
    expect(await maker.result()).toMatchObject({
      status: 'done',
      worker: workers.hosta,
      model: 'model-a',
      evidence: { commitCount: 1 },
    });
    const told = [];
    for await (const { text } of maker.transcript()) told.push(text);
    expect(told.join('\n')).toContain('Made.');
    expect((await maker.diff()).text).toContain('made.txt');

    // As on a machine that has a home of that path, but of another worker.
    const identity = join(beside('hosta'), 'identity.json');
    await rename(identity, `${identity}.away`);
    await expect(maker.diff()).rejects.toMatchObject({
      code: 'NOT_A_REPOSITORY',
      message: `the work of maker@1 is in the home of worker ${workers.hosta}, which is not on this machine`,
    });
    await rename(`${identity}.away`, identity);

    await maker.continue('Once more.');
    expect(await maker.result()).toMatchObject({ run: 2, status: 'done', worker: workers.hosta });

    await session.spawn([
      { label: 'asker', task: 'ask', repo: url },
      { label: 'listener', task: 'listen', repo: url },
    ]);
    const [asker, listener] = [session.subagent('asker'), session.subagent('listener')];
    await eventually(async () => (await asker.describe()).questions.length > 0);
    await asker.answer('This.');
    expect(await asker.result()).toMatchObject({ status: 'done', worker: workers.hosta });

    await eventually(async () => (await listener.describe()).doing.startsWith('bash'));
    expect((await listener.steer('A word.')).delivery).toMatch(/^(mid-turn|queued-behind-tool)$/);
    expect((await listener.kill()).status).toBe('killed');
    const { runs } = await session.clean({ force: true });
    expect(runs.flatMap(({ removed }) => removed).length).toBeGreaterThan(0);
    expect(runs.flatMap(({ kept }) => kept)).toEqual([]);
  });

  it('says at the terminal what goes nowhere, and why', async () => {
    const at = ['--address', fleet.server.address];
    const env = { SUBAGENTS_HOST: 'hostc' };
    const options = { home: beside('client'), cwd: fleet.repository.path, env };
    const path = await run([...at, 'spawn', 'a', 'make'], options);
    expect(path.exitCode).toBe(3);
    expect(path.stderr).toContain('no worker of this host and user is running');
    const sent = await run([...at, 'spawn', 'a', 'make', '--pool', 'default'], options);
    expect(sent.exitCode).toBe(2);
    expect(sent.stderr).toContain('no store is named: SUBAGENTS_STORE is not set');
    const nobody = await run([...at, 'spawn', 'a', 'make', '--repo', url, '--pool', 'empty'], options);
    expect(nobody.exitCode).toBe(3);
    expect(nobody.stderr).toContain('no worker is in pool empty');
    expect(nobody.stderr).toContain('subagents worker --pool empty');
  });

  it('takes the pool of SUBAGENTS_POOL, and refuses a path and a bad name with it', async () => {
    await using named = await Subagents.connect(client({ SUBAGENTS_POOL: 'empty' }));
    expect(await refusal({}, named)).toMatchObject({
      code: 'NO_WORKER',
      message: expect.stringContaining('pool empty') as string,
    });
    expect(await refusal({ repo: fleet.repository.path }, named)).toMatchObject({ code: 'NO_WORKER' });
    const inPlace = { repo: fleet.repository.path, isolation: 'in-place' };
    expect(await refusal(inPlace, named)).toMatchObject({
      code: 'BAD_INPUT',
      remedy: expect.stringContaining('unset SUBAGENTS_POOL') as string,
    });
    await using wrong = await Subagents.connect(client({ SUBAGENTS_POOL: 'No Pool' }));
    expect(await refusal({}, wrong)).toMatchObject({ code: 'BAD_INPUT' });
  });

  it('is told every reason when all workers of a pool refuse, and nothing is started', async () => {
    const error = await refusal({ label: 'nobody', pool: 'narrow', model: 'model-b' });
    expect(error.code).toMatch(/MODEL_REFUSED|REPO_REFUSED/);
    expect(error.message).toContain('cannot spawn nobody: no worker of pool narrow takes it: ');
    expect(error.message).toContain(
      `worker ${workers.hosta} on hosta: the model "model-b" is not among those this worker allows`,
    );
    expect(error.message).toContain(
      `worker ${workers.hostb} on hostb: ${url} is not among the repositories that this worker accepts`,
    );
    const one = await refusal({ label: 'nobody', pool: 'other' });
    expect(one).toMatchObject({ code: 'REPO_REFUSED' });
    await expect(subagents.find('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_TARGET' });
  });

  it('has it taken by the worker that can, whichever is asked first', async () => {
    const session = subagents.session('narrow');
    const labels = ['one', 'two', 'three', 'four'];
    await session.spawn(labels.map((label) => ({ label, task: 'make', repo: url, pool: 'narrow' })));
    const outcomes = await Promise.all(labels.map((label) => session.subagent(label).result()));
    expect(outcomes.map(({ status, worker }) => [status, worker])).toEqual(
      labels.map(() => ['done', workers.hosta]),
    );
  });

  it('goes on from the commit of an earlier step on the worker that has it', async () => {
    const chain = {
      label: 'line',
      steps: [
        { id: 'first', task: 'make', repo: url, pool: 'narrow' },
        { id: 'second', task: 'sit down: make', repo: url, pool: 'narrow', from: 'first' },
      ],
    };
    await subagents.session('line').chain(chain);
    const second = subagents.session('line').subagent('line.second');
    const view = await eventually(async () => {
      const found = await second.describe().catch(() => undefined);
      return found?.status === 'working' ? found : undefined;
    });
    expect(view.workerId).toBe(workers.hosta);
    await subagents.session('line').subagent('line').kill();
  });
});

it('a full worker keeps nothing of its pools from the others', async () => {
  const pools = ['x', 'y', 'z'];
  const full = await startOn('hostd', pools, { SUBAGENTS_SLOTS: '1' });
  const session = subagents.session('full');
  await session.spawn(pools.map((pool) => ({ label: pool, task: 'sit', repo: url, pool })));
  const working = async () => {
    const { live } = await session.list();
    return live.filter(({ status }) => status === 'working');
  };
  const [first] = await eventually(async () => ((await working()).length === 1 ? working() : undefined));
  const free = await startOn('hoste', pools, { SUBAGENTS_SLOTS: '2' });
  const began = Date.now();
  await eventually(async () => (await working()).length === 3);
  // Not after the slot of the full worker is free again: that is held for longer than the test waits.
  expect(Date.now() - began).toBeLessThan(15_000);
  const views = await Promise.all(pools.map((pool) => session.subagent(pool).describe()));
  const onFull = views.filter(({ workerId }) => workerId === full.workerId);
  expect(onFull.map(({ label }) => label)).toEqual([first?.label]);
  expect(views.filter(({ workerId }) => workerId === free.workerId)).toHaveLength(2);
  await Promise.all(pools.map((pool) => session.subagent(pool).kill()));
});
