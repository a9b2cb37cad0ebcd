/** What ends, holds or hurries a subagent besides its own work: steers, questions, silence, budgets, credentials. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpawnSpec, Subagents } from '../../src/client/index.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { eventually } from '../support/eventually.ts';
import { startFleet, type Fleet } from '../support/fleet.ts';
import { hang, malformed, status } from '../support/model.ts';
import { bash, on } from '../support/turns.ts';
import { inItsShell, temporal, withClient } from '../support/world.ts';

let fleet: Fleet;
let subagents: Subagents;
let keyIsGood = false;
let isUp = false;

beforeAll(async () => {
  fleet = await startFleet(
    [
      on('listen', ({ answers, userMessages }) =>
        answers === 0
          ? bash('sleep 20') // Longer than a busy machine takes for five steers.
          : {
              text: `Heard ${userMessages
                .join(' ')
                .match(/word \d/g)
                ?.join(', ')}.`,
            },
      ),
      on('obey', ({ answers, news }) => (answers === 0 ? bash('sleep 42') : { text: `Obeyed: ${news}` })),
      on('ask', [
        { tools: [{ name: 'ask_parent', arguments: { question: 'Which colour?' } }] },
        { text: 'Took red, of my own accord.' },
      ]),
      on('silent', ({ answers, news }) => (answers === 0 ? bash('sleep 43') : { text: `Went on: ${news}` })),
      on('circle', ({ userMessages }) =>
        userMessages.join().includes('ENOUGH') ? { text: 'Stopped.' } : bash('cat missing.txt'),
      ),
      on('poll', ({ userMessages }) =>
        userMessages.join().includes('ENOUGH') ? { text: 'Stopped.' } : bash('sleep 0.01'),
      ),
      on('mute', [hang]),
      on('down', ({ answers }) => {
        if (!isUp) return malformed;
        return answers === 0 ? bash('sleep 30') : { text: 'Back again.' };
      }),
      on('unlucky', () => ({ text: JSON.stringify(`${'a'.repeat(40_000)}!`) })),
      on('spend', [
        bash('echo 1 > one.txt && git add . && git commit -qm one'),
        bash('sleep 2'),
        bash('sleep 2'),
        bash('sleep 2'),
        bash('sleep 2'),
        bash('sleep 44'),
      ]),
      on('locked', ({ answers }) => {
        if (!keyIsGood) return status(401, 'key expired');
        return answers === 0 ? bash('sleep 30') : { text: 'Let in.' };
      }),
    ],
    { env: { SUBAGENTS_SLOTS: '8' } },
  );
  subagents = await fleet.connect();
});
afterAll(async () => {
  await subagents?.close();
  await fleet?.[Symbol.asyncDispose]();
});

const session = () => subagents.session('limits');
const spawn = (spec: SpawnSpec) => session().spawn(spec, { cwd: fleet.repository.path });
const subagent = (label: string) => session().subagent(label);

/** Announcements of one subagent so far, as `kind: summary`. */
async function heard(label: string): Promise<string[]> {
  const all: string[] = [];
  const receiver = `reader-${label}-${Math.random().toString(36).slice(2)}`;
  for await (const each of session().announcements({ receiver, once: true, acknowledge: 'manual' }))
    if (each.label === label) all.push(`${each.kind}: ${each.summary}`);
  return all;
}

describe.concurrent('steers', () => {
  it('sent at once keep their order', async () => {
    await spawn({ label: 'listener', task: 'listen' });
    await inItsShell(subagents, 'limits', 'listener');
    const receipts = await Promise.all([1, 2, 3, 4, 5].map((n) => subagent('listener').steer(`word ${n}`)));
    for (const { delivery } of receipts) expect(delivery).not.toBe('held');
    const outcome = await subagent('listener').result();
    expect(outcome.report).toBe('Heard word 1, word 2, word 3, word 4, word 5.');
  });

  it('that interrupt stop what runs: by the library, and by a plain signal', async () => {
    for (const by of ['library', 'signal'] as const) {
      const label = `obeyer-${by}`;
      await spawn({ label, task: 'obey' });
      await inItsShell(subagents, 'limits', label);
      const message = `leave it, says the ${by}`;
      if (by === 'library') {
        const receipt = await subagent(label).steer(message, { interrupt: true });
        expect(receipt).toMatchObject({ delivery: 'interrupted', during: 'bash: sleep 42' });
      } else {
        const input = JSON.stringify({ message, interrupt: true });
        await temporal(
          fleet,
          'workflow',
          'signal',
          '-w',
          `subagent/limits/${label}`,
          '--name',
          'steer',
          '--input',
          input,
        );
      }
      const outcome = await subagent(label).result();
      expect(outcome.report).toContain(message);
      expect(outcome.notes).toContain('`bash: sleep 42` was stopped by a message');
    }
  });

  it('that are too large are refused, and reach nobody', async () => {
    await spawn({ label: 'deaf', task: 'obey, deaf one' });
    await inItsShell(subagents, 'limits', 'deaf');
    const large = 'x'.repeat(64 * 1024 + 1);
    await expect(subagent('deaf').steer(large)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    const most = 'y'.repeat(64 * 1024);
    expect((await subagent('deaf').steer(most, { interrupt: true })).delivery).toBe('interrupted');
    await subagent('deaf').result();
    expect(fleet.model.timesSaid(most)).toBe(1);
    expect(fleet.model.timesSaid('xxxx')).toBe(0);
  });
});

it.concurrent(
  'a question that is not answered in time is left to its judgement, and that is announced',
  async () => {
    await spawn({ label: 'asker', task: 'ask', answerTimeout: '1s' });
    const outcome = await subagent('asker').result();
    expect(outcome).toMatchObject({ status: 'done', report: 'Took red, of my own accord.' });
    expect(outcome.notes.join()).toContain('Which colour?');
    const told = fleet.model.requests.flatMap(({ conversation }) => conversation?.toolResults ?? []);
    expect(told.join()).toContain('Use your own judgement');
    expect((await heard('asker')).map((words) => words.split(':')[0])).toEqual([
      'question',
      'notice',
      'completed',
    ]);
  },
);

describe.concurrent('a subagent that is stuck', () => {
  it('is sent a message where that was asked for', async () => {
    await spawn({ label: 'nudged', task: 'silent', stuckAfter: '1s', onStuck: 'nudge' });
    const outcome = await subagent('nudged').result();
    expect(outcome.report).toContain('There was no activity');
    expect((await heard('nudged'))[0]).toMatch(/^stuck: .*bash: sleep 43; the subagent gets a message/);
  });

  it('is announced and killed, though a message waits behind what it runs', async () => {
    await spawn({ label: 'spoken-to', task: 'mute', stuckAfter: '3s', onStuck: 'kill' });
    await eventually(() => fleet.model.timesSaid('mute') > 0);
    const receipt = subagent('spoken-to').steer('are you there?');
    const outcome = await subagent('spoken-to').result();
    expect(outcome).toMatchObject({ status: 'killed', sweep: { left: [] } });
    expect(outcome.notes).toContain('it was killed because it was stuck');
    expect(['held', 'queued-behind-tool']).toContain((await receipt).delivery);
  });

  it('is killed where that was asked for', async () => {
    await spawn({ label: 'doomed', task: 'silent', stuckAfter: '1s', onStuck: 'kill' });
    const outcome = await subagent('doomed').result();
    expect(outcome).toMatchObject({ status: 'killed', sweep: { left: [] } });
    expect(outcome.notes).toContain('it was killed because it was stuck');
    expect(await heard('doomed')).toEqual([
      expect.stringMatching(/^stuck: .*the subagent is killed/),
      expect.stringMatching(/^killed: /),
    ]);
  });
});

/** What its row in a list says that it stands still for, once that is so. */
const stalledAs = (label: string, reason: string | undefined) =>
  eventually(async () => {
    const { live } = await session().list();
    const row = live.find((each) => each.label === label);
    return row && row.stalled?.reason === reason ? { row, stalled: row.stalled } : undefined;
  });

describe.concurrent('what a subagent stands still for is the same everywhere', () => {
  it('silence, until it moves', async () => {
    await spawn({ label: 'quiet', task: 'silent', stuckAfter: '1s' });
    const { row, stalled } = await stalledAs('quiet', 'silent');
    expect(row.status).toBe('working');
    expect(stalled?.detail).toContain('bash: sleep 43');
    const description = await subagent('quiet').describe();
    expect(description.stalled).toEqual(stalled);
    const metadata = await withClient(fleet, (client) =>
      client.workflow.getHandle(description.workflowId).query('__temporal_workflow_metadata'),
    );
    expect((metadata as { currentDetails: string }).currentDetails).toMatch(/^### Stuck \(working\): /);
    await subagent('quiet').steer('go on');
    expect(await subagent('quiet').result()).toMatchObject({ status: 'done' });
    expect((await subagent('quiet').describe()).stalled).toBeUndefined();
  });

  it('the same call over and over, which is announced as stuck, repeating', async () => {
    await spawn({ label: 'circler', task: 'circle', stuckRepeats: 5 });
    const { stalled } = await stalledAs('circler', 'repeating');
    expect(stalled?.detail).toMatch(/^\d+ equal calls in a row with equal results: bash: cat missing.txt$/);
    await subagent('circler').steer('ENOUGH');
    expect(await subagent('circler').result()).toMatchObject({ status: 'done', report: 'Stopped.' });
    expect((await heard('circler'))[0]).toMatch(
      /^stuck: stuck, repeating: 5 equal calls in a row with equal results, and no file changed meanwhile; was doing: bash: cat missing/,
    );
  });

  it('where that waits for something outside it is not killed', async () => {
    await spawn({ label: 'poller', task: 'poll', stuckRepeats: 5, onStuck: 'kill' });
    await stalledAs('poller', 'repeating');
    await subagent('poller').steer('ENOUGH');
    expect(await subagent('poller').result()).toMatchObject({ status: 'done', report: 'Stopped.' });
    expect((await heard('poller'))[0]).toContain('it seems to wait for something outside');
  });

  it('and is killed for it where it does not wait', async () => {
    await spawn({ label: 'doomed-circler', task: 'circle', stuckRepeats: 5, onStuck: 'kill' });
    expect(await subagent('doomed-circler').result()).toMatchObject({ status: 'killed' });
  });

  it('a model that fails, with when it is tried again, until it answers', async () => {
    await spawn({ label: 'cut-off', task: 'down' });
    const { stalled } = await stalledAs('cut-off', 'model');
    expect(stalled?.detail).toMatch(/^(next attempt at \d\d:\d\d:\d\d UTC|is being tried again): /);
    expect((await subagent('cut-off').steer('while it was down')).delivery).toBe('held');
    isUp = true;
    expect(await subagent('cut-off').result()).toMatchObject({
      status: 'done',
      report: 'Back again.',
      turns: 1,
    });
    expect(fleet.model.timesSaid('while it was down')).toBe(1);
  });
});

it.concurrent('a report that its pattern goes back over for ever holds nothing up', async () => {
  const output = { type: 'string', pattern: '^(a+)+$' };
  const accepted = await session().chain(
    { label: 'pattern', steps: [{ id: 'one', task: 'unlucky', output }] },
    { cwd: fleet.repository.path },
  );
  expect(accepted.notes).toEqual([]);
  const outcome = await subagent('pattern').result();
  expect(outcome).toMatchObject({ status: 'failed' });
  expect((await subagent('pattern.one').result()).failure).toMatchObject({
    class: 'output',
    message: expect.stringContaining('^(a+)+$') as string,
  });
});

it.concurrent('a budget is announced at 80 %, then ends it, with its work kept', async () => {
  await spawn({ label: 'spender', task: 'spend', budget: { modelRequests: 5 } });
  const outcome = await subagent('spender').result();
  expect(outcome).toMatchObject({
    status: 'over-budget',
    summary: 'its budget is used up: 5 of 5 model requests',
    failure: { class: 'budget' },
    usage: { modelRequests: 5 },
    evidence: { commitCount: 1, filesChanged: ['one.txt'] },
  });
  expect(await heard('spender')).toEqual([
    'notice: its budget is nearly used up: 4 of 5 model requests',
    'failed: its budget is used up: 5 of 5 model requests',
  ]);
  const { finished } = await session().list();
  expect(finished.find(({ label }) => label === 'spender')?.status).toBe('over-budget');
});

it('expired credentials are waited for without a slot, announced once, and taken up when a worker starts', async () => {
  await spawn({ label: 'locked-out', task: 'locked' });
  const waiting = await eventually(async () => {
    const description = await subagent('locked-out').describe();
    return description.status === 'waiting' && description.doing.includes('credentials')
      ? description
      : undefined;
  });
  expect(waiting.doing).toContain('HTTP 401');
  expect(findProcesses(waiting.copilotSessionId ?? '')).toEqual([]);
  expect((await subagent('locked-out').steer('good luck')).delivery).toBe('held');
  keyIsGood = true;
  await fleet.worker.stop();
  await fleet.startWorker();
  const outcome = await subagent('locked-out').result();
  expect(outcome).toMatchObject({ status: 'done', report: 'Let in.', turns: 1 });
  const { steers } = await subagent('locked-out').describe();
  expect(steers.map(({ receipt }) => receipt?.delivery)).toEqual(['mid-turn']);
  expect(fleet.model.timesSaid('good luck')).toBe(1);
  expect(await heard('locked-out')).toEqual([
    expect.stringMatching(/^notice: waits for new credentials: .*HTTP 401/),
    'completed: Let in.',
  ]);
});
