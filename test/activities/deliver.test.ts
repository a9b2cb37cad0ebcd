import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeliverResult, SubagentRef } from '../../src/contract/index.ts';
import { findProcesses } from '../../src/home/processes.ts';
import type { ModelConversation } from '../../src/demo/conversation.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

/** Works on its shell command until the steer reaches it, then does what that says. */
const obedient = ({ answers, news, text }: ModelConversation) => {
  if (answers === 0) return bash('sleep 2; echo slept');
  if (news.includes('[message from the main agent')) return { text: 'Understood.' };
  return { text: text.includes('TURN LEFT') ? 'Turned left.' : 'Went straight on.' };
};

let bench: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start([
    on('shell', obedient),
    on('twice', obedient),
    on('crash', obedient),
    on('streaming', ({ answers }) =>
      answers === 0 ? { text: 'one two three four five six', paceMs: 200 } : { text: 'Heard it.' },
    ),
    on('idle', ({ answers }) => ({ text: `answer ${answers}` })),
    on('race', ({ answers }) => ({ text: `answer ${answers}`, delayMs: 20 })),
    on('early', obedient),
    // Only the message ends it.
    on('again', ({ text }) =>
      text.includes('TURN LEFT')
        ? { text: 'Turned left.' }
        : bash('sleep 2; sleep 10', { initial_wait: 600 }),
    ),
    on('silent', [{ text: 'At last.', delayMs: 3_600_000 }]),
    on('asking', [
      { tools: [{ name: 'ask_parent', arguments: { question: 'Which way?' } }] },
      { text: 'Left, then.' },
    ]),
  ]);
});
afterAll(() => bench.close());

const shellRuns = (subagent: SubagentRef) =>
  until('the shell to run', () =>
    findProcesses(subagent.copilotSessionId).some(({ command }) => command === 'sleep 2'),
  );

describe('a steer', () => {
  it('reaches a subagent in the middle of its shell command, which goes on in the background', async () => {
    const at = await bench.subagent('shell');
    const turn = bench.run(at);
    await shellRuns(at.subagent);
    const delivered = await bench.steer(at.subagent, 's1', 'TURN LEFT');
    expect(delivered).toMatchObject({
      kind: 'delivered',
      receipt: { id: 's1', delivery: 'mid-turn', during: 'bash: sleep 2; echo slept' },
    });
    expect(await turn.result).toMatchObject({ kind: 'finished', report: 'Turned left.' });
    expect(bench.model.timesSaid('[message from the main agent, s1]\nTURN LEFT')).toBe(1);
  });

  it('is delivered once, however often it is asked for', async () => {
    const at = await bench.subagent('twice');
    const turn = bench.run(at);
    await shellRuns(at.subagent);
    const three = await Promise.all([1, 2, 3].map(() => bench.steer(at.subagent, 's2', 'TURN LEFT')));
    const later = await bench.steer(at.subagent, 's2', 'TURN LEFT');
    for (const result of [...three, later]) expect(result).toMatchObject({ kind: 'delivered' });
    await turn.result;
    expect(await bench.steer(at.subagent, 's2', 'TURN LEFT')).toMatchObject({
      kind: 'delivered',
      receipt: { id: 's2', delivery: 'mid-turn' },
    });
    expect(bench.model.timesSaid('[message from the main agent, s2]')).toBe(1);
  });

  it('with a receipt survives the death of the runtime', async () => {
    const at = await bench.subagent('crash');
    const turn = bench.run(at);
    await shellRuns(at.subagent);
    expect(await bench.steer(at.subagent, 's3', 'TURN LEFT')).toMatchObject({ kind: 'delivered' });
    await bench.killRuntime();
    await turn.result;
    const again = bench.run({ ...at, lostBefore: 1 });
    expect(await bench.steer(at.subagent, 's3', 'TURN LEFT')).toMatchObject({ kind: 'delivered' });
    expect(await again.result).toMatchObject({ kind: 'finished' });
    expect(bench.model.timesSaid('[message from the main agent, s3]')).toBe(1);
  });

  it('to a model that is answering follows the answer', async () => {
    const at = await bench.subagent('streaming');
    const turn = bench.run(at);
    await until(
      'the answer to begin',
      () =>
        bench.pool.turns.get(at.subagent.copilotSessionId)?.state.isLoopRunning === true &&
        bench.model.requests.some(({ conversation }) => conversation?.text.includes('streaming')),
    );
    const delivered = await bench.steer(at.subagent, 's4', 'and now?');
    expect(delivered).toMatchObject({
      kind: 'delivered',
      receipt: { delivery: 'queued-behind-tool', during: 'thinking' },
    });
    expect(await turn.result).toMatchObject({ kind: 'finished', report: 'Heard it.' });
  });

  it('waits for a turn that has not begun on the worker', async () => {
    const at = await bench.subagent('early');
    const steer = bench.steer(at.subagent, 's5', 'TURN LEFT');
    const turn = bench.run(at);
    expect(await steer).toMatchObject({ kind: 'delivered' });
    expect(await turn.result).toMatchObject({ kind: 'finished' });
  });

  it('waits until a turn that was cut short goes on, and is in while that runs', async () => {
    // Several at once, as when a worker starts again.
    const all = await Promise.all(Array.from({ length: 6 }, (_, index) => bench.subagent(`again-${index}`)));
    const turns = all.map((at) => bench.run(at));
    for (const { subagent } of all) await shellRuns(subagent);
    await bench.killRuntime();
    for (const { result } of turns) await result;
    const steers = all.map(({ subagent }) => bench.steer(subagent, 's8', 'TURN LEFT'));
    const again = all.map((at) => bench.run({ ...at, lostBefore: 1 }));
    for (const steer of steers) expect(await steer).toMatchObject({ kind: 'delivered' });
    for (const { result } of again)
      expect(await result).toMatchObject({ kind: 'finished', report: 'Turned left.' });
  });

  it.each(['silent', 'never begun'])(
    'into a turn that is %s keeps no worker from stopping',
    async (label) => {
      const at = await bench.subagent(label);
      const turn = label === 'silent' ? bench.run(at) : undefined;
      const asked = (): boolean =>
        bench.model.requests.some(({ conversation }) => conversation?.text.includes(label));
      if (turn) await until('the model call', asked);
      const environment = new MockActivityEnvironment();
      const steer = bench.steer(at.subagent, 's7', 'hello?', { environment });
      environment.cancel();
      await expect(steer).rejects.toThrow(CancelledFailure);
      turn?.environment.cancel();
      await turn?.result.catch(() => undefined);
    },
  );

  it('to a turn that has ended is for the next one', async () => {
    const at = await bench.subagent('idle');
    await bench.run(at).result;
    expect(await bench.steer(at.subagent, 's6', 'too late')).toEqual({ kind: 'no-turn' });
    expect(bench.model.timesSaid('too late')).toBe(0);
  });

  it('to a subagent that asks is for the turn after', async () => {
    const at = await bench.subagent('asking');
    const turn = bench.run(at);
    const steers: Promise<DeliverResult>[] = [];
    await until('the question', () => {
      steers.push(bench.steer(at.subagent, `q${steers.length}`, 'never mind'));
      return bench.model.requests.some(({ conversation }) => conversation?.text.includes('asking'));
    });
    expect(await turn.result).toMatchObject({ kind: 'question' });
    expect(await bench.steer(at.subagent, 'q', 'never mind')).toEqual({ kind: 'no-turn' });
  });

  it('that races with the end of a turn is delivered into it, or not at all', async () => {
    const kinds = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const at = await bench.subagent(`race-${round}`);
      const turn = bench.run({ ...at, prompt: 'race' });
      const marker = `[subagent race-${round}@1,`;
      await until('the model call', () =>
        bench.model.requests.some(({ conversation }) => conversation?.text.includes(marker)),
      );
      // From before the final message to after the end.
      const steers: Promise<DeliverResult>[] = [];
      for (let n = 0; n < 4; n++) {
        steers.push(bench.steer(at.subagent, `r${n}`, `steer ${round}.${n}.`));
        await new Promise((resolve) => setTimeout(resolve, round * 2));
      }
      expect(await turn.result).toMatchObject({ kind: 'finished' });
      for (const [n, result] of (await Promise.all(steers)).entries()) {
        kinds.add(result.kind === 'delivered' ? result.receipt.delivery : result.kind);
        expect(bench.model.timesSaid(`steer ${round}.${n}.`)).toBe(result.kind === 'delivered' ? 1 : 0);
      }
    }
    // Otherwise the race was not one.
    expect(kinds.size).toBeGreaterThan(1);
  });
});
