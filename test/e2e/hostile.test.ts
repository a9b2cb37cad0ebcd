/** What anybody may send, and what a subagent may leave behind: no payload breaks a workflow, and one that is broken breaks nobody else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteLength, MAIN_QUEUE, SESSION, SUBAGENT } from '../../src/contract/index.ts';
import type { Receipt, Subagents } from '../../src/client/index.ts';
import { killJson } from '../../src/cli/json.ts';
import { run } from '../cli/command.ts';
import { eventually, PATIENCE_MS } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { temporaryRepository } from '../support/repository.ts';
import { bash, on } from '../support/turns.ts';

let fleet: Fleet;
let subagents: Subagents;
let connection: Connection;
let client: Client;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('say done', [{ text: 'Nothing to do.' }]),
      on('finish, then wait', ({ answers }) => (answers === 0 ? { text: 'Finished.' } : bash('sleep 600'))),
      on('make it long', [
        bash(
          `head -c 2200000 /dev/zero | tr '\\0' a > ../message && for i in $(seq 90); do echo $i > "$(printf 'b%.0s' $(seq 240))$i"; done && git add . && git commit -qm files && git commit -q --allow-empty -F ../message; rm ../message`,
        ),
        { text: 'Long.' },
      ]),
      on('ask twice', [
        {
          tools: [
            { name: 'ask_parent', arguments: { question: 'Delete old data?' } },
            { name: 'ask_parent', arguments: { question: 'Push to production?' } },
          ],
        },
        { text: 'Heard.' },
      ]),
      on('ask two things', [
        {
          tools: [
            { name: 'ask_parent', arguments: { question: 'Which colour?' } },
            { name: 'ask_parent', arguments: { question: 'Which shape?' } },
          ],
        },
        bash('sleep 20'),
        { text: 'Heard.' },
      ]),
      on('wait', [bash('sleep 600'), { text: 'Waited.' }]),
    ],
    { env: { SUBAGENTS_SLOTS: '8' }, worker: false },
  );
  subagents = await fleet.connect();
  connection = await Connection.connect({ address: fleet.server.address });
  client = new Client({ connection });
  await beginOtherwise();
  await fleet.startWorker();
});
afterAll(async () => {
  await connection?.close();
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

/** Begins a session and a subagent of it that no worker of ours can go on with. */
async function beginOtherwise(): Promise<void> {
  const native = await NativeConnection.connect({ address: fleet.server.address });
  const worker = await Worker.create({
    connection: native,
    taskQueue: MAIN_QUEUE,
    workflowsPath: fileURLToPath(new URL('../support/other-workflows.ts', import.meta.url)),
  });
  await worker.runUntil(async () => {
    for (const [workflowType, workflowId] of [
      [SESSION.workflow, 'session/broken'],
      [SUBAGENT.workflow, 'subagent/broken/stuck'],
    ] as const) {
      const handle = await client.workflow.start(workflowType, {
        workflowId,
        taskQueue: MAIN_QUEUE,
        args: [],
        memo: { label: 'stuck', run: 1, session: 'broken', task: 'x', repo: '/x' },
      });
      await eventually(async () =>
        (await handle.fetchHistory()).events?.some((event) => event.timerStartedEventAttributes),
      );
    }
  });
  await native.close();
}

const cwd = () => ({ cwd: fleet.repository.path });
const working = (session: string, label: string) =>
  eventually(async () => (await subagents.session(session).subagent(label).describe()).status === 'working');

/** What a program in another language, a broken tool or an enemy may send as the argument of a signal. */
const UNREADABLE = {
  'an unknown encoding': { metadata: { encoding: Buffer.from('bogus/enc') }, data: Buffer.from('{}') },
  'no encoding': { metadata: {}, data: Buffer.from('{}') },
  'no data': { metadata: { encoding: Buffer.from('json/plain') } },
  'JSON that ends early': {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from('{"announcement":'),
  },
  'another type': { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('null') },
  'deep lists': {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(`${'['.repeat(200_000)}"\\ud800"${']'.repeat(200_000)}`),
  },
};

async function signal(workflowId: string, signalName: string, payloads: object[]): Promise<void> {
  await connection.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId },
    signalName,
    input: { payloads },
  });
}

describe('a payload that cannot be read', () => {
  it('is left out and told, whatever it was sent to', async () => {
    const session = subagents.session('unread');
    await session.spawn({ label: 'waiter', task: 'wait' }, cwd());
    await working('unread', 'waiter');
    const [id, child] = ['session/unread', 'subagent/unread/waiter'];
    const { started, ended, announce, acknowledge } = SESSION;
    const sent = Object.values(UNREADABLE);
    for (const payload of [...sent, ...sent.slice(0, 1)]) {
      for (const name of [started, ended, announce, acknowledge]) await signal(id, name, [payload]);
      for (const name of [SUBAGENT.slotGranted, SUBAGENT.forget]) await signal(child, name, [payload]);
    }
    await signal(child, SUBAGENT.steer, [UNREADABLE['an unknown encoding']]);
    for (const name of [announce, acknowledge]) await signal(id, name, []);
    for (const name of [SUBAGENT.slotGranted, SUBAGENT.steer]) await signal(child, name, []);

    await session.spawn({ label: 'after', task: 'say done' }, cwd());
    expect((await session.subagent('after').result()).status).toBe('done');
    const listed = await session.list();
    expect(listed.live.map(({ label }) => label)).toEqual(['waiter']);
    expect(listed.notes.join('\n')).toMatch(/30 signals .*could not be read/);
    expect((await session.peek()).map(({ label, kind }) => [label, kind])).toEqual([['after', 'completed']]);
    // A receiver reads the same history.
    for await (const { label } of session.announcements({ once: true })) expect(label).toBe('after');
    const { notes } = await session.subagent('waiter').describe();
    expect(notes.join('\n')).toMatch(/17 signals .*could not be read/);
    await session.subagent('waiter').kill();
    expect((await client.workflow.getHandle(id).describe()).raw.pendingWorkflowTask?.attempt ?? 1).toBe(1);
  });

  it('as the argument of an Update is an error for who sent it', async () => {
    const session = subagents.session('update');
    await session.spawn({ label: 'one', task: 'say done' }, cwd());
    const updating = connection.workflowService.updateWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: 'session/update' },
      waitPolicy: { lifecycleStage: 3 },
      request: {
        meta: { updateId: 'bogus' },
        input: { name: SESSION.spawn, args: { payloads: [UNREADABLE['an unknown encoding']] } },
      },
    });
    const { outcome } = await updating;
    expect(outcome?.failure?.message).toMatch(/could not be read/);
    await session.spawn({ label: 'two', task: 'say done' }, cwd());
    expect((await session.subagent('two').result()).status).toBe('done');
  });

  it('as the input of a workflow ends that workflow', async () => {
    await connection.workflowService.startWorkflowExecution({
      namespace: 'default',
      requestId: 'bogus',
      workflowId: 'session/input',
      workflowType: { name: SESSION.workflow },
      taskQueue: { name: 'subagents' },
      input: { payloads: [UNREADABLE['an unknown encoding']] },
    });
    await expect(client.workflow.getHandle('session/input').result()).rejects.toThrow();
  });
});

describe('a workflow that fails at every attempt', () => {
  it('shows in its row, hinders no other, and is ended by force alone', async () => {
    const whole = subagents.session('whole');
    await whole.spawn({ label: 'fine', task: 'wait' }, cwd());
    await working('whole', 'fine');
    const broken = subagents.session('broken');
    await signal('session/broken', SESSION.rollOver, []);
    await signal('subagent/broken/stuck', SUBAGENT.tryAgain, []);
    await eventually(async () => (await broken.list()).live.some(({ failing }) => failing));
    const listed = await broken.list();
    expect(listed.workerless).toBe(false);
    expect(listed.live).toMatchObject([{ label: 'stuck', failing: true }]);
    expect(listed.notes.join()).toMatch(/"broken" fails at every attempt/);
    const fleetwide = await subagents.list();
    expect(fleetwide.workerless).toBe(false);
    expect(fleetwide.sessions.find(({ session }) => session === 'whole')).toMatchObject({
      workerless: false,
      unacknowledged: 0,
      live: [{ label: 'fine', status: 'working' }],
    });
    expect(fleetwide.notes.join()).toMatch(/"broken" fails at every attempt/);
    for (const args of [['list'], ['status']]) {
      const ran = await run(['--address', fleet.server.address, ...args], { home: fleet.home, ...cwd() });
      expect([args[0], ran.exitCode]).toEqual([args[0], 0]);
    }

    expect((await (await subagents.find('fine')).describe()).status).toBe('working');
    // By force, one that works is killed as ever.
    const killed = await (await subagents.find('whole/fine')).kill({ force: true });
    expect([killed.status, killed.sweep?.proof]).toEqual(['killed', 'proven']);
    expect(await whole.endIfFailing()).toBe(false);

    const force = ['--address', fleet.server.address, '-s', 'broken', 'kill', 'stuck', '--force', '--json'];
    const forced = await run(force, { home: fleet.home, ...cwd() });
    expect(killJson.parse(JSON.parse(forced.stdout)).kills).toMatchObject([{ report: { status: 'lost' } }]);
    expect(await broken.endIfFailing()).toBe(true);
    const again = await broken.spawn({ label: 'again', task: 'say done' }, cwd());
    expect((await broken.subagent('again').result()).status).toBe('done');
    expect(again.run).toBe(1);
  });
});

describe('text that is not well-formed', () => {
  it.each([
    ['in the middle', 'say done \ud83d and \udc00 with a smile: \ud83d\ude00'],
    ['at its end', 'say done \ud83d'],
    ['at its beginning', '\udc00 say done'],
    ['in a wrong order', 'say done \ude00\ud83d and on'],
  ])('does not keep a subagent from ending: %s', async (where, task) => {
    const session = subagents.session('surrogates');
    const label = where.replaceAll(' ', '-');
    await session.spawn({ label, task }, cwd());
    const outcome = await session.subagent(label).result({ timeoutMs: PATIENCE_MS });
    expect(outcome.status).toBe('done');
  });
});

describe('what a subagent leaves that is too long', () => {
  it('is cut where it comes in, and what travels is taken', async () => {
    const session = subagents.session('long');
    await session.spawn({ label: 'long', task: 'make it long' }, cwd());
    const outcome = await session.subagent('long').result();
    expect(outcome.status).toBe('done');
    expect(outcome.evidence?.commitCount).toBe(2);
    expect(outcome.evidence?.commits[0]?.subject).toMatch(/^aaaa.*…$/);
    expect(byteLength(JSON.stringify(outcome))).toBeLessThan(400_000);
    const more = await session.subagent('long').continue('say done');
    expect((await session.subagent(`long@${more.run}`).result()).status).toBe('done');
  });

  it.each([
    ['wide', '漢'.repeat(9_000)],
    ['quoted', '"\\\n'.repeat(9_000)],
  ])('neither is a task of %s characters, whose beginning is its title', async (label, text) => {
    const session = subagents.session('titles');
    await session.spawn({ label, task: `say done ${text}` }, cwd());
    expect((await session.subagent(label).result({ timeoutMs: PATIENCE_MS })).status).toBe('done');
  });
});

describe('a spawn that is made again', () => {
  it('is the same subagent while the first is live, and a new run after its end', async () => {
    const session = subagents.session('again');
    const spec = { label: 'one', task: 'wait', verify: 'true' };
    const [first, second] = await Promise.all([session.spawn(spec, cwd()), session.spawn(spec, cwd())]);
    const third = await session.spawn(spec, cwd());
    expect(new Set([first, second, third].map(({ runId }) => runId)).size).toBe(1);
    expect([first, second, third].filter(({ repeated }) => repeated)).toHaveLength(2);
    await expect(session.spawn({ ...spec, task: 'wait!' }, cwd())).rejects.toMatchObject({
      code: 'LABEL_LIVE',
    });
    await session.subagent('one').kill();
    const next = await session.spawn(spec, cwd());
    expect([next.run, next.repeated]).toEqual([2, undefined]);
    await session.subagent('one').kill();
  });

  it('was accepted where only the answer was lost', async () => {
    const session = subagents.session('unheard');
    const spec = { label: 'one', task: 'wait' };
    await session.spawn({ label: 'before', task: 'say done' }, cwd());
    const answer = await session.spawn(spec, { ...cwd(), timeoutMs: 40 }).catch((error: unknown) => error);
    // Either it is known to count, or what to do to know it is said.
    expect(answer).toMatchObject(
      answer instanceof Error
        ? { message: expect.stringMatching(/Whether the request took effect is not known/) as string }
        : { accepted: true },
    );
    await eventually(async () => (await session.spawn(spec, cwd())).repeated);
    await session.subagent('one').kill();
  });
});

describe('answers to several questions', () => {
  it('name theirs, say what is open, and are the same when they come again', async () => {
    const session = subagents.session('questions');
    await session.spawn({ label: 'two', task: 'ask twice' }, cwd());
    const subagent = session.subagent('two');
    const [first, second] = await eventually(async () => {
      const { questions } = await subagent.describe();
      return questions.length === 2 ? questions : undefined;
    });
    await expect(subagent.answer('yes')).rejects.toMatchObject({
      code: 'WHICH_QUESTION',
      message: expect.stringMatching(/Delete old data\?.*Push to production\?/) as string,
    });
    await expect(subagent.answer('x'.repeat(70_000), { questionId: first?.id })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    const answered = { questionId: first?.id, question: 'Delete old data?' };
    expect(await subagent.answer('yes', { questionId: first?.id })).toMatchObject({
      ...answered,
      repeated: false,
      open: [{ id: second?.id, question: 'Push to production?' }],
    });
    expect(await subagent.answer('yes', { questionId: first?.id })).toMatchObject({
      ...answered,
      repeated: true,
    });
    await expect(subagent.answer('no', { questionId: first?.id })).rejects.toMatchObject({
      code: 'ALREADY_ANSWERED',
    });
    // It may be meant for the one that has its answer.
    await expect(subagent.answer('never')).rejects.toMatchObject({ code: 'WHICH_QUESTION' });
    expect(await subagent.answer('never', { questionId: second?.id })).toMatchObject({ open: [] });
    expect((await subagent.result()).status).toBe('done');
  });
});

describe('one that is killed while it is queued', () => {
  it('was queued for as long as it was', async () => {
    const session = subagents.session('queue');
    const labels = Array.from({ length: 9 }, (_, index) => `q${index}`);
    await session.spawn(
      labels.map((label) => ({ label, task: 'wait' })),
      cwd(),
    );
    const queued = await eventually(async () => {
      const { live } = await session.list();
      const working = live.filter(({ status }) => status === 'working');
      return working.length === 8 ? live.find(({ status }) => status === 'queued') : undefined;
    });
    const { outcome } = await session.subagent(queued.label).kill();
    expect(outcome.durations.queuedMs).toBeGreaterThan(100);
    await Promise.all(
      labels.filter((label) => label !== queued.label).map((label) => session.subagent(label).kill()),
    );
  });
});

describe('whatever begins something, made again', () => {
  const linger = (label: string) => ({ label, steps: [{ id: 'a', task: 'wait' }] });

  it('a chain is the same one while that is live, and a new run after its end', async () => {
    const session = subagents.session('chains-again');
    const answers = await Promise.all([1, 2, 3].map(() => session.chain(linger('line'), cwd())));
    answers.push(await session.chain(linger('line'), cwd()));
    expect(new Set(answers.map(({ runId }) => runId)).size).toBe(1);
    expect(answers.filter(({ repeated }) => repeated)).toHaveLength(3);
    const other = { ...linger('line'), steps: [{ id: 'a', task: 'wait!' }] };
    await expect(session.chain(other, cwd())).rejects.toMatchObject({ code: 'LABEL_LIVE' });
    await session.subagent('line').kill();
    const retried = await session.retryChain('line');
    const [same, sameTo] = [await session.retryChain('line'), await session.retryChain('line@1')];
    expect([retried.repeated, same.repeated, sameTo.repeated]).toEqual([undefined, true, true]);
    expect(new Set([retried.runId, same.runId, sameTo.runId]).size).toBe(1);
    await expect(session.retryChain('line', { from: 'a' })).rejects.toMatchObject({ code: 'LABEL_LIVE' });
    await session.subagent('line').kill();
    expect((await session.chain(linger('line'), cwd())).repeated).toBeUndefined();
    await session.subagent('line').kill();
  });

  it('so is one that goes on with what has ended', async () => {
    const session = subagents.session('on-again');
    await session.spawn({ label: 'one', task: 'finish, then wait' }, cwd());
    await session.subagent('one').result();
    const first = await session.subagent('one').continue('wait');
    const second = await session.subagent('one').continue('wait');
    const third = await session.subagent('one@1').continue('wait');
    expect([first.repeated, second.repeated, third.repeated]).toEqual([undefined, true, true]);
    expect(new Set([first.runId, second.runId, third.runId]).size).toBe(1);
    for (const target of ['one', 'one@1'])
      await expect(session.subagent(target).continue('wait!')).rejects.toMatchObject({ code: 'LABEL_LIVE' });
    await session.subagent('one').kill();
    expect((await session.subagent('one').continue('wait')).run).toBe(3);
    await session.subagent('one').kill();
  });

  it('so is one that carries uncommitted changes along', async () => {
    await using repository = await temporaryRepository({ 'a.txt': 'a' });
    writeFileSync(join(repository.path, 'a.txt'), 'b');
    const session = subagents.session('carried-again');
    const spec = { label: 'one', task: 'wait', withChanges: true };
    const at = { cwd: repository.path };
    const first = await session.spawn(spec, at);
    // A commit made within the same second would be the very same.
    const second = Math.floor(Date.now() / 1_000);
    await eventually(() => Math.floor(Date.now() / 1_000) > second);
    expect(await session.spawn(spec, at)).toMatchObject({ runId: first.runId, repeated: true });
    await session.subagent('one').kill();
  });
});

describe('messages that wait for a turn', () => {
  it('are bounded together, the largest ones can be shown, and each that was accepted arrives', async () => {
    const session = subagents.session('waiting-messages');
    await session.spawn({ label: 'two', task: 'ask two things' }, cwd());
    const subagent = session.subagent('two');
    const [first, second] = await eventually(async () => {
      const { questions } = await subagent.describe();
      return questions.length === 2 ? questions : undefined;
    });
    const large = 'x'.repeat(64 * 1024 - 10);
    const receipts: Receipt[] = [];
    let refused: unknown;
    while (refused === undefined && receipts.length < 40)
      await subagent.steer(large).then(
        (receipt) => receipts.push(receipt),
        (error: unknown) => (refused = error),
      );
    expect(receipts.map(({ delivery }) => delivery)).toEqual(Array.from({ length: 4 }, () => 'held'));
    expect(refused).toMatchObject({
      code: 'LIMIT',
      message: expect.stringMatching(/4 messages of \d+ KiB already wait for the next turn/) as string,
      remedy: expect.stringContaining('file') as string,
    });
    const { steers } = await subagent.describe();
    expect(steers.map(({ message }) => message.length < 3_000)).toEqual(
      Array.from({ length: 4 }, () => true),
    );
    // A control character is six bytes in JSON: five such answers would be no message that Temporal takes.
    await expect(subagent.answer('\u0001'.repeat(60_000), { questionId: first?.id })).rejects.toMatchObject({
      code: 'LIMIT',
    });
    await subagent.answer('yes', { questionId: first?.id });
    await subagent.answer('no', { questionId: second?.id });
    const { status, turns } = await subagent.result({ timeoutMs: PATIENCE_MS });
    expect([status, turns]).toEqual(['done', 2]);
    const { steers: delivered } = await subagent.describe();
    expect(delivered.map(({ receipt }) => receipt?.delivery !== 'held')).toEqual(
      Array.from({ length: 4 }, () => true),
    );
  });
});
