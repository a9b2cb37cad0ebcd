import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { malformed, reset, status, hang, type ScriptedStep } from '../support/model.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

/** A provider that fails until it is mended. */
const mended = new Set<string>();
const mendable = (word: string, broken: ScriptedStep) =>
  on(word, () => (mended.has(word) ? { text: 'It works again.' } : broken));

let bench: TurnBench;
let impatient: TurnBench;
let hangs = 0;
const HUNG_MS = 1_500;
beforeAll(async () => {
  bench = await TurnBench.start([
    mendable('key', status(401, 'invalid api key')),
    on('forbidden', [status(403, 'no access')]),
    on('unknown-model', [status(404, 'no such model')]),
    on('limited', [status(429, 'slow down', 600)]),
    on('too-long', [status(400, "This model's maximum context length is 128000 tokens")]),
    mendable('broken', reset),
    on('garbage', [malformed]),
    mendable('down', status(500, 'boom')),
    on('refuses', [{ text: '' }]),
  ]);
  impatient = await TurnBench.start(
    [
      on('hangs-once', () => (hangs++ === 0 ? hang : { text: 'Answered.' })),
      on('hangs-always', [hang]),
      on('hangs-late', ({ answers }) => (answers === 0 ? bash('true') : hang)),
    ],
    { hungModelMs: HUNG_MS },
  );
});
afterAll(async () => {
  await bench.close();
  await impatient.close();
});

const fail = async (word: string, on = bench) => on.run(await on.subagent(word)).result;

describe.concurrent('a provider that refuses', () => {
  it('the key: credentials, with a remedy; with a good one the same turn goes on', async () => {
    const at = await bench.subagent('key');
    const result = await bench.run(at).result;
    expect(result).toMatchObject({ kind: 'failed', class: 'credentials', retryable: false });
    expect(result).toHaveProperty('remedy', expect.stringContaining('log in'));
    mended.add(at.subagent.label);
    expect(await bench.run(at).result).toMatchObject({ kind: 'finished', report: 'It works again.' });
    expect(bench.model.timesSaid('[subagent key@1, turn 1]')).toBe(1);
  });

  it('access: credentials', async () => {
    expect(await fail('forbidden')).toMatchObject({ kind: 'failed', class: 'credentials', retryable: false });
  });

  it('the request: not retried', async () => {
    expect(await fail('unknown-model')).toMatchObject({ kind: 'failed', class: 'request', retryable: false });
  });

  it('a conversation that is too long: context', async () => {
    expect(await fail('too-long')).toMatchObject({ kind: 'failed', class: 'context', retryable: false });
  });

  it('more requests for a while: retried after a pause', async () => {
    expect(await fail('limited')).toMatchObject({
      kind: 'failed',
      class: 'rate-limit',
      retryable: true,
      retryAfterMs: 600_000,
    });
  });
});

describe.concurrent('a provider that breaks', () => {
  it('connections: retried, and the same turn goes on', async () => {
    const at = await bench.subagent('broken');
    expect(await bench.run(at).result).toMatchObject({ kind: 'failed', class: 'network', retryable: true });
    mended.add(at.subagent.label);
    expect(await bench.run(at).result).toMatchObject({ kind: 'finished', report: 'It works again.' });
  });

  it('answers that are none: retried', async () => {
    expect(await fail('garbage')).toMatchObject({ kind: 'failed', class: 'network', retryable: true });
  });

  it('with status 500: retried', async () => {
    const at = await bench.subagent('down');
    expect(await bench.run({ ...at, budgetMs: 60_000 }).result).toMatchObject({
      kind: 'failed',
      class: 'provider',
      retryable: true,
      message: expect.stringContaining('boom') as string,
    });
  });
});

describe.concurrent('a model that does not answer', () => {
  it('is asked again', async () => {
    const at = await impatient.subagent('hangs-once');
    expect(await impatient.attempts(at, 5)).toMatchObject([
      { kind: 'failed', class: 'network', retryable: true },
      { kind: 'finished', report: 'Answered.' },
    ]);
    expect(impatient.model.timesSaid('[subagent hangs-once@1, turn 1]')).toBe(1);
  });

  it('is asked once in each attempt, then the turn has failed', async () => {
    const hung = { kind: 'failed', class: 'network', retryable: true };
    const results = await impatient.attempts(await impatient.subagent('hangs-always'), 3);
    expect(results).toMatchObject([hung, hung, hung]);
    expect(
      impatient.model.requests.filter(({ conversation }) =>
        conversation?.text.includes('[subagent hangs-always@1,'),
      ).length,
    ).toBe(3);
  });

  it('after a tool call is interrupted without repeating the tool', async () => {
    const result = await fail('hangs-late', impatient);
    expect(result).toMatchObject({ kind: 'failed', class: 'network', usage: { toolCalls: 1 } });
  });

  it('and a runtime that does nothing about it have failed the turn, which can be tried again', async () => {
    const at = await impatient.subagent('hangs-always-3');
    const turn = impatient.run({ ...at, prompt: 'hangs-always' });
    const live = () => impatient.pool.turns.get(at.subagent.copilotSessionId);
    await until('the turn to begin', () => live()?.state.isLoopRunning ?? false);
    live()!.interrupt = () => Promise.reject(new Error('it did nothing with it'));
    expect(await turn.result).toMatchObject({
      kind: 'failed',
      class: 'copilot',
      message: 'it did nothing with it',
      retryable: true,
    });
  });

  it('in time lets the turn time out all the same', async () => {
    const at = await impatient.subagent('hangs-always-2');
    const began = Date.now();
    expect(await impatient.run({ ...at, prompt: 'hangs-always', budgetMs: 700 }).result).toMatchObject({
      kind: 'timed-out',
    });
    expect(Date.now() - began).toBeLessThan(60_000);
  });
});

describe('a model that says nothing', () => {
  it('has failed to answer, and is asked again', async () => {
    expect(await fail('refuses')).toMatchObject({ kind: 'failed', class: 'provider', retryable: true });
  });
});
