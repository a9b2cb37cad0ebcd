/** What a subagent's work must go through before it is called done, and how subagents share a worker. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpawnSpec, Subagents } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;

beforeAll(async () => {
  fleet = await startFleet(
    [
      // Mends what the verification complains of, one turn later.
      on('mend', [
        bash('echo wrong > answer.txt && git add . && git commit -qm "feat: answer"'),
        { text: 'I believe it is done.' },
        bash('echo right > answer.txt && git commit -qam "fix: answer"'),
        { text: 'Now it is.' },
      ]),
      on('never', [bash('echo $RANDOM > noise.txt'), { text: 'Done, surely.' }]),
      on('careless', [
        bash('mkdir -p test && echo 1 > test/a.test.js && echo 2 > loose.txt'),
        { text: 'Left everything lying about.' },
      ]),
      on('sit ', [bash('sleep 2345'), { text: 'Sat.' }]),
      on('say done', [{ text: 'Nothing to do.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '1', SUBAGENTS_MODELS: 'scripted,other' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const spawn = (session: string, spec: SpawnSpec) =>
  subagents.session(session).spawn(spec, { cwd: fleet.repository.path });
const resultOf = (session: string, label: string) => subagents.session(session).subagent(label).result();

describe('verification', () => {
  it('sends its failure back as another turn, and counts only what then passes', async () => {
    await spawn('verify', { label: 'mender', task: 'mend', verify: ['grep -q right answer.txt', 'true'] });
    const outcome = await resultOf('verify', 'mender');
    expect(outcome).toMatchObject({ status: 'done', report: 'Now it is.', turns: 2, repairs: 1 });
    expect(outcome.verifications.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(outcome.evidence?.commits.map(({ subject }) => subject)).toEqual(['fix: answer', 'feat: answer']);
    const said = fleet.model.requests.at(-1)?.conversation?.userMessages.at(-1) ?? '';
    expect(said).toContain('grep -q right answer.txt');
  });

  it('fails the subagent after two repairs, and says which command and why', async () => {
    await spawn('verify', { label: 'never', task: 'never', verify: ['echo it is broken; exit 3'] });
    const outcome = await resultOf('verify', 'never');
    expect(outcome).toMatchObject({
      status: 'failed',
      turns: 3,
      repairs: 2,
      failure: { class: 'verification' },
    });
    expect(outcome.failure?.message).toContain('exited with 3');
    expect(outcome.verifications[0]).toMatchObject({
      exitCode: 3,
      outputTail: expect.stringContaining('it is broken') as string,
    });
    expect(readFileSync(outcome.verifications[0]?.outputFile ?? '', 'utf8')).toContain('it is broken');
    expect(outcome.evidence?.commitCount).toBeGreaterThan(0);
  });

  it('of a command that does not exist fails with its name', async () => {
    await spawn('verify', { label: 'missing', task: 'never', verify: ['no-such-command-here'] });
    const outcome = await resultOf('verify', 'missing');
    expect(outcome.status).toBe('failed');
    expect(outcome.failure?.message).toContain('no-such-command-here');
  });
});

describe('evidence', () => {
  it('has everything committed, and names the tests that were touched', async () => {
    await spawn('evidence', { label: 'careless', task: 'careless' });
    const { evidence } = await resultOf('evidence', 'careless');
    expect(evidence).toMatchObject({ branch: 'subagents/careless', savedLeftovers: true, commitCount: 1 });
    expect(evidence?.filesChanged.toSorted()).toEqual(['loose.txt', 'test/a.test.js']);
    expect(evidence?.sensitive).toEqual(['test/a.test.js (tests)']);
    expect(await fleet.repository.git('show', 'subagents/careless:loose.txt')).toBe('2');
  });

  it('in place commits nothing and lists what changed', async () => {
    await spawn('evidence', { label: 'here', task: 'careless', isolation: 'in-place' });
    const { evidence, status } = await resultOf('evidence', 'here');
    expect(status).toBe('done');
    expect(evidence).toMatchObject({
      cwd: fleet.repository.path,
      branch: 'main',
      commitCount: 0,
      savedLeftovers: false,
    });
    expect(evidence?.uncommitted.toSorted()).toEqual(['loose.txt', 'test/a.test.js']);
    await fleet.repository.git('clean', '-fdq');
  });
});

describe('one slot', () => {
  it('lets the others wait, visibly, and goes to the next when it is given back', async () => {
    await spawn('slots', { label: 'first', task: 'sit first' });
    await inItsShell(subagents, 'slots', 'first');
    await spawn('slots', { label: 'second', task: 'say done' });
    const session = subagents.session('slots');
    await eventually(async () => (await session.subagent('second').describe()).status === 'queued');
    const held = await session.subagent('second').steer('and be quick');
    expect(held.delivery).toBe('held');
    await session.subagent('first').kill();
    const second = await resultOf('slots', 'second');
    expect(second.status).toBe('done');
    expect(second.durations.queuedMs).toBeGreaterThan(0);
    expect(fleet.model.timesSaid('and be quick')).toBe(1);
  });

  it('is not needed to kill one that is queued', async () => {
    await spawn('slots', { label: 'holder', task: 'sit holder' });
    await inItsShell(subagents, 'slots', 'holder');
    await spawn('slots', { label: 'waiting', task: 'say done' });
    const session = subagents.session('slots');
    expect(await session.subagent('waiting').kill()).toMatchObject({ status: 'killed' });
    expect((await session.subagent('holder').describe()).status).toBe('working');
    await session.subagent('holder').kill();
  });
});

describe('one subagent per checkout', () => {
  it('works in place; the second is refused by name, in this and in another session', async () => {
    await spawn('place-a', { label: 'owner', task: 'sit owner', isolation: 'in-place' });
    await inItsShell(subagents, 'place-a', 'owner');
    for (const session of ['place-a', 'place-b']) {
      const refusal: unknown = await spawn(session, {
        label: 'late',
        task: 'say done',
        isolation: 'in-place',
      }).catch((error: unknown) => error);
      expect(refusal).toMatchObject({
        code: 'CHECKOUT_BUSY',
        message: expect.stringContaining('owner') as string,
      });
    }
    await subagents.session('place-a').subagent('owner').kill();
    await spawn('place-b', { label: 'late', task: 'say done', isolation: 'in-place' });
    expect((await resultOf('place-b', 'late')).status).toBe('done');
  });
});

describe('a checkout of one that is queued', () => {
  it('is taken too: the second is refused by name', async () => {
    await spawn('queue', { label: 'holder', task: 'sit holder' });
    await inItsShell(subagents, 'queue', 'holder');
    await spawn('queue', { label: 'first', task: 'say done', isolation: 'in-place' });
    const second = await spawn('queue', { label: 'second', task: 'say done', isolation: 'in-place' }).catch(
      (error: unknown) => error,
    );
    expect(second).toMatchObject({
      code: 'CHECKOUT_BUSY',
      message: expect.stringContaining('first') as string,
    });
    await subagents.session('queue').subagent('holder').kill();
    expect((await resultOf('queue', 'first')).status).toBe('done');
  });
});

describe('a spawn that cannot be', () => {
  it.each([
    [
      'a model that is not allowed',
      { label: 'm', task: 't', model: 'gpt-0' },
      'MODEL_REFUSED',
      'scripted, other',
    ],
    [
      'no such repository',
      { label: 'm', task: 't', repo: '/nowhere/at/all' },
      'NOT_A_REPOSITORY',
      '/nowhere/at/all',
    ],
    ['an unknown base', { label: 'm', task: 't', base: 'mian' }, 'UNKNOWN_BASE', 'main'],
    ['a reserved label', { label: 'last', task: 't' }, 'BAD_INPUT', 'last'],
    ['an empty task', { label: 'm', task: '  ' }, 'BAD_INPUT', 'task is empty'],
    ['a huge task', { label: 'm', task: 'x'.repeat(300_000) }, 'BAD_INPUT', '256 KiB'],
  ])('for %s says so, and leaves nothing', async (_, spec, code, words) => {
    const error = (await spawn('refused', spec).catch((thrown: unknown) => thrown)) as Error & {
      code: string;
      remedy?: string;
    };
    expect(error.code).toBe(code);
    expect(`${error.message} ${error.remedy ?? ''}`).toContain(words);
    const { sessions } = await subagents.list();
    expect(
      sessions.flatMap(({ session, live, finished }) =>
        session === 'refused' ? [...live, ...finished] : [],
      ),
    ).toEqual([]);
    expect(await fleet.repository.git('branch', '--list', 'subagents/m')).toBe('');
  });
});
