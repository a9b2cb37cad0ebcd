/** What bounds a turn: refusals, a full context, a budget, silence; and a message that stops what runs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TurnResult } from '../../src/contract/index.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { sleepingMachine } from '../support/clock.ts';
import { ending, hang, status } from '../support/model.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

const SUMMARY = /create a detailed summary of the conversation/;
let summed = false;

let bench: TurnBench;
const space = { reserveBytes: 0, maxFolderBytes: Infinity };
let loggedOut: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start(
    [
      {
        when: ({ userMessages }) => SUMMARY.test(userMessages.at(-1) ?? ''),
        steps: () => {
          summed = true;
          return { text: 'It said hi to the long one.' };
        },
      },
      {
        when: ({ text }) => text.includes('[subagent long@') || text.includes('hi to the long one'),
        steps: ({ answers }) =>
          summed
            ? { text: 'It fits.' }
            : answers === 0
              ? bash('echo hi')
              : status(400, 'maximum context length is 9'),
      },
      on('filtered', [bash('true'), ending('content_filter', 'I cannot help with that.')]),
      on('refused', [ending('stop', '', 'I will not.')]),
      on('stop-me', ({ answers, news }) =>
        answers === 0 ? bash('sleep 31') : { text: news.includes('TURN LEFT') ? 'Turned left.' : 'Slept.' },
      ),
      on('then-ask', [
        bash('sleep 32'),
        { tools: [{ name: 'ask_parent', arguments: { question: 'Left of what?' } }] },
      ]),
      on('think', ({ answers, news }) =>
        answers === 0 && !news.includes('TURN LEFT')
          ? { text: 'Hm.', delayMs: 20_000 }
          : { text: 'Turned left.' },
      ),
      on('spender', [bash('true'), bash('sleep 3'), bash('true'), { text: 'Spent it.' }]),
      on('hangs', [hang]),
      on('circles', [bash('cat missing.txt')]),
      on('cycles', ({ answers }) =>
        answers > 40
          ? { text: 'Found a way.' }
          : answers > 30
            ? bash(`echo ${answers}`)
            : bash(answers % 2 ? 'sleep 0.01' : 'cat missing.txt'),
      ),
      on('writes', ({ answers }) => (answers < 20 ? bash('echo x >> log.txt') : { text: 'Wrote it all.' })),
      on('fills-disk', [
        bash('echo begun >> begun.txt'),
        bash('sleep 33', { mode: 'sync', initial_wait: 60 }),
        { text: 'Done.' },
      ]),
      on('fills-folder', [
        bash('head -c 30000000 /dev/zero > large'),
        bash('sleep 34', { mode: 'sync', initial_wait: 60 }),
      ]),
      on('dozes', [bash('sleep 3'), { text: 'Rested.' }]),
    ],
    { space },
  );
  const nobody = {
    COPILOT_PROVIDER_TYPE: '',
    COPILOT_PROVIDER_BASE_URL: '',
    COPILOT_MODEL: '',
    COPILOT_OFFLINE: 'false',
    COPILOT_GITHUB_TOKEN: '',
    GH_TOKEN: '',
    GITHUB_TOKEN: '',
  };
  loggedOut = await TurnBench.start([], { env: nobody });
});
afterAll(async () => {
  await bench.close();
  await loggedOut.close();
});

describe('a refusal is never a success', () => {
  it('of a content filter, also where only the log is left of it', async () => {
    const at = await bench.subagent('filtered');
    const refusal = {
      kind: 'failed',
      class: 'refusal',
      retryable: false,
      message: expect.stringContaining('I cannot help with that.') as string,
      remedy: expect.any(String) as string,
    };
    expect(await bench.run(at).result).toMatchObject(refusal);
    await bench.restart();
    expect(await bench.run({ ...at, lostBefore: 1 }).result).toMatchObject(refusal);
  });

  it('in place of an answer', async () => {
    expect(await bench.run(await bench.subagent('refused')).result).toMatchObject({
      kind: 'failed',
      class: 'refusal',
      message: 'the model refused to answer: I will not.',
    });
  });
});

it('a conversation that has become too long is summed up, and goes on', async () => {
  const result = await bench.run(await bench.subagent('long')).result;
  expect(result).toMatchObject({ kind: 'finished', report: 'It fits.' });
  expect(result).toHaveProperty('notes', [
    expect.stringContaining('the conversation became too long for the model, so Copilot summarised it'),
  ]);
});

it('without a login the turn fails at once, and waits for one', async () => {
  const result = await loggedOut.run(await loggedOut.subagent('anyone')).result;
  expect(result).toMatchObject({
    kind: 'failed',
    class: 'credentials',
    waitFor: 'credentials',
    retryable: false,
  });
});

describe('a message that interrupts', () => {
  it('stops the shell command that runs, and the model has it at once', async () => {
    const at = await bench.subagent('stop-me');
    const turn = bench.run(at);
    const sleeps = () =>
      findProcesses(at.subagent.copilotSessionId).some(({ command }) => command === 'sleep 31');
    const doing = () => bench.pool.turns.get(at.subagent.copilotSessionId)?.progress.doing;
    // The process is there a moment before its runtime says so.
    await until('the shell', () => sleeps() && doing() === 'bash: sleep 31');
    const delivered = await bench.steer(at.subagent, 'i1', 'TURN LEFT', { interrupt: true });
    expect(delivered).toMatchObject({
      kind: 'delivered',
      receipt: { id: 'i1', delivery: 'interrupted', during: 'bash: sleep 31' },
    });
    const result = await turn.result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Turned left.' });
    expect(result).toHaveProperty('notes', ['`bash: sleep 31` was stopped by a message']);
    expect(sleeps()).toBe(false);
    expect(bench.model.timesSaid('[message from the main agent, i1]')).toBe(1);
  });

  it('stops the shell command, after which the model asks', async () => {
    const at = await bench.subagent('then-ask');
    const turn = bench.run(at);
    const doing = () => bench.pool.turns.get(at.subagent.copilotSessionId)?.progress.doing;
    await until('the shell', () => doing() === 'bash: sleep 32');
    const delivered = await bench.steer(at.subagent, 'i3', 'TURN LEFT', { interrupt: true });
    expect(delivered).toMatchObject({ receipt: { delivery: 'interrupted' } });
    expect(await turn.result).toMatchObject({
      kind: 'question',
      questions: [{ question: 'Left of what?' }],
      notes: ['`bash: sleep 32` was stopped by a message'],
    });
  });

  it('stops the model call that runs', async () => {
    const at = await bench.subagent('think');
    const turn = bench.run(at);
    await until('the model call', () =>
      bench.model.requests.some(
        ({ conversation }) => conversation?.text.includes('[subagent think@') ?? false,
      ),
    );
    const delivered = await bench.steer(at.subagent, 'i2', 'TURN LEFT', { interrupt: true });
    expect(delivered).toMatchObject({ receipt: { delivery: 'interrupted', during: 'thinking' } });
    expect(await turn.result).toMatchObject({ kind: 'finished', report: 'Turned left.' });
  });
});

describe('a budget', () => {
  const requests = (left: number, noticeAt?: number) => ({
    left: { modelRequests: left },
    noticeAt: noticeAt === undefined ? {} : { modelRequests: noticeAt },
  });

  it('is told of within the turn, which goes on, and ends it when it is used up', async () => {
    const at = await bench.subagent('spender');
    const near = await bench.run({ ...at, budget: requests(3, 2) }).result;
    expect(near).toMatchObject({ kind: 'near-budget', usage: { modelRequests: 2 } });
    const over = await bench.run({ ...at, budget: requests(3) }).result;
    expect(over).toMatchObject({ kind: 'over-budget', usage: { modelRequests: 3 } });
    expect(bench.pool.turns.get(at.subagent.copilotSessionId)).toBeUndefined();
    expect(bench.model.timesSaid('[subagent spender@1, turn 1]')).toBe(1);
    // With more of it the same turn goes on.
    expect(await bench.run({ ...at, budget: requests(9) }).result).toMatchObject({ report: 'Spent it.' });
  });

  it('of tokens counts those in and out', async () => {
    const at = await bench.subagent('spender-of-tokens');
    const result = await bench.run({
      ...at,
      prompt: 'spender',
      budget: { left: { tokens: 100 }, noticeAt: {} },
    }).result;
    expect(result).toMatchObject({ kind: 'over-budget', usage: { modelRequests: 1 } });
  });
});

it('a night for which its machine sleeps neither uses up its time nor makes it stuck', async () => {
  const sleepFor = sleepingMachine();
  const at = await bench.subagent('dozes');
  const { result } = bench.run({ ...at, budgetMs: 60_000, stuckAfterMs: 60_000 });
  await until('the shell', () =>
    findProcesses(at.subagent.copilotSessionId).some(({ command }) => command === 'sleep 3'),
  );
  sleepFor(9 * 3_600_000);
  const end = await result;
  expect(end).toMatchObject({ kind: 'finished', report: 'Rested.' });
  expect(end).toHaveProperty('workedMs', expect.closeTo(8_000, -4));
});

describe('silence', () => {
  it('of a model makes a turn stuck', async () => {
    const at = await bench.subagent('hangs');
    const result = await bench.run({ ...at, hungAfterMs: 600_000, stuckAfterMs: 3_000 }).result;
    expect(result).toMatchObject({ kind: 'stuck', doing: 'thinking' });
  });

  it('of the attempts before counts too', async () => {
    const at = await bench.subagent('hangs-still');
    const first = await bench.run({ ...at, prompt: 'hangs', hungAfterMs: 1_000 }).result;
    if (first.kind !== 'failed' || first.lastEventAt === undefined) throw new Error(JSON.stringify(first));
    const began = Date.now();
    const again = { ...at, prompt: 'hangs', silentSince: first.lastEventAt };
    const result = await bench.run({ ...again, hungAfterMs: 600_000, stuckAfterMs: 6_000 }).result;
    if (result.kind !== 'stuck') throw new Error(JSON.stringify(result));
    expect(result.silentMs).toBeGreaterThan(Date.now() - began);
  });
});
describe('the same again and again', () => {
  const stuckRepeats = 6;
  const repeating = (result: TurnResult) => {
    if (result.kind !== 'stuck' || result.repeats === undefined) throw new Error(JSON.stringify(result));
    return { ...result, repeats: result.repeats };
  };

  it('is told of as stuck, and not again before twice as many', async () => {
    const at = await bench.subagent('circles');
    const first = repeating(await bench.run({ ...at, stuckRepeats }).result);
    expect(first).toMatchObject({ doing: 'bash: cat missing.txt', repeats: { period: 1, waits: false } });
    // Copilot goes on between the sixth call and the look that sees it.
    expect(first.repeats.count).toBeGreaterThanOrEqual(stuckRepeats);
    expect(first.repeats.count).toBeLessThan(12);
    expect(first.usage.toolCalls).toBeGreaterThanOrEqual(first.repeats.count);
    const second = await bench.run({ ...at, stuckRepeats: 12, stalled: 'repeating' }).result;
    expect(repeating(second).repeats.count).toBeGreaterThanOrEqual(12);
    expect(bench.model.timesSaid('[subagent circles@1, turn 1]')).toBe(1);
  });

  it('in a cycle of a few is the same; that it moves again ends the attempt', async () => {
    const at = await bench.subagent('cycles');
    const result = await bench.run({ ...at, stuckRepeats }).result;
    expect(result).toMatchObject({ kind: 'stuck', repeats: { period: 2, waits: true } });
    expect(await bench.run({ ...at, stuckRepeats: 600, stalled: 'repeating' }).result).toMatchObject({
      kind: 'moving',
    });
    expect(await bench.run({ ...at, stuckRepeats }).result).toMatchObject({ report: 'Found a way.' });
  });

  it('is none while files change', async () => {
    const at = await bench.subagent('writes');
    expect(await bench.run({ ...at, stuckRepeats }).result).toMatchObject({ report: 'Wrote it all.' });
  });
});

describe('space on the disk', () => {
  afterEach(() => Object.assign(space, { reserveBytes: 0, maxFolderBytes: Infinity }));

  it('is waited for: the turn stops when less than the reserve is free, does not begin, and goes on later', async () => {
    const it = await bench.subagent('fills-disk');
    const running = bench.run(it);
    await until(
      'the second command',
      () =>
        findProcesses(it.subagent.copilotSessionId).length > 0 &&
        running.beats.some(({ doing }) => doing.includes('33')),
    );
    space.reserveBytes = Number.MAX_SAFE_INTEGER;
    const lack = { kind: 'failed', class: 'disk', waitFor: 'space', retryable: false };
    expect(await running.result).toMatchObject({
      ...lack,
      message: expect.stringMatching(
        /^only \d+ MB are free on the disk of .*, less than the reserve of \d+ MB$/,
      ) as string,
    });
    expect(await bench.run(it).result).toMatchObject(lack);
    space.reserveBytes = 0;
    expect(await bench.run(it).result).toMatchObject({ kind: 'finished' });
    expect(await readFile(join(it.cwd, 'begun.txt'), 'utf8')).toBe('begun\n');
  });

  it('of one folder may be bounded, for the worker', async () => {
    space.maxFolderBytes = 10_000_000;
    const it = await bench.subagent('fills-folder');
    expect(await bench.run(it).result).toMatchObject({
      kind: 'failed',
      class: 'disk',
      retryable: false,
      message: expect.stringMatching(
        / takes \d+ MB, more than the 10 MB that SUBAGENTS_MAX_FOLDER allows$/,
      ) as string,
    });
  });
});
