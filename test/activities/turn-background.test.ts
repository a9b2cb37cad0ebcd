/** A model that fails while something of the subagent runs in the background. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TurnState } from '../../src/copilot/turn/turn-state.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { hang, status } from '../support/model.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

/** What prints all the time is movement, but none of the model's. */
const printing = 'for i in $(seq 600); do echo $i; sleep 0.3; done';
const inBackground = (command: string) => bash(command, { mode: 'async' });

let bench: TurnBench;
const mended = new Set<string>();
let hung = 0;
/** The folder of the subagent `beside-hang`. */
let besideHang = '';
let tooLong = true;
beforeAll(async () => {
  bench = await TurnBench.start(
    [
      on('beside-key', ({ answers }) => {
        if (answers === 0) return inBackground(printing);
        return mended.has('beside-key') ? { text: 'It works again.' } : status(401, 'invalid api key');
      }),
      on('beside-unknown', [inBackground(printing), status(404, 'no such model')]),
      on('beside-hang', ({ answers, text }) => {
        // However slow this machine is, the command ends after the model was asked again.
        if (answers === 0)
          return inBackground('until [ -e again ]; do echo waits; sleep 0.2; done; sleep 2; touch ended');
        if (hung++ === 0) return hang;
        if (text.includes('completed')) return { text: 'The command ended.' };
        writeFileSync(join(besideHang, 'again'), '');
        return { text: 'Waiting for it.' };
      }),
      on('beside-miss', ({ answers, news }) => {
        if (answers === 0) return inBackground('sleep 0.5');
        return news.includes('did not arrive') ? { text: 'I look.' } : hang;
      }),
      on('beside-always', [inBackground(printing), hang]),
      on('beside-long', ({ answers, text, news }) => {
        if (answers === 0 && !text.includes('<summary>')) return inBackground('sleep 8; touch ended');
        if (tooLong) return status(400, "This model's maximum context length is 128000 tokens");
        return { text: news.includes('completed') ? 'Short enough.' : 'A summary.' };
      }),
      on('beside-rest', ({ answers, news }) => {
        if (answers === 0) return inBackground(printing);
        return { text: news.includes('hurry') ? 'I hurry.' : 'Waiting for it.' };
      }),
      on('beside-hush', ({ answers, news }) => {
        if (answers === 0) return inBackground(printing);
        return news.includes('hurry') ? { text: 'I hurry.' } : hang;
      }),
    ],
    // A busy machine takes seconds for a step that no model is asked in.
    { hungModelMs: 6_000 },
  );
});
afterAll(() => bench.close());

describe.concurrent('a model that fails beside a command in the background', () => {
  it('ends the turn; the next attempt is told what was ended', async () => {
    const at = await bench.subagent('beside-key');
    expect(await bench.run(at).result).toMatchObject({ kind: 'failed', class: 'credentials', notes: [] });
    mended.add('beside-key');
    expect(await bench.run(at).result).toMatchObject({
      kind: 'finished',
      report: 'It works again.',
      notes: [expect.stringContaining(`\`bash: ${printing}\` ran in the background, and was killed`)],
    });
    expect(bench.model.timesSaid(`* bash: ${printing}`)).toBe(1);
    expect(bench.model.timesSaid('[subagent beside-key@1, turn 1]')).toBe(1);
    expect(findProcesses(at.subagent.copilotSessionId)).toEqual([]);
  });

  it('for good: the outcome says what was ended', async () => {
    const at = await bench.subagent('beside-unknown');
    expect(await bench.run(at).result).toMatchObject({
      kind: 'failed',
      class: 'request',
      notes: [`\`${printing}\` still ran in the background and was killed`],
    });
    await until('its command to end', () => findProcesses(at.subagent.copilotSessionId).length === 0);
  });
});

describe.concurrent('a model that hangs beside a command in the background', () => {
  it('is asked again, and the command goes on', async () => {
    const at = await bench.subagent('beside-hang');
    besideHang = at.cwd;
    expect(await bench.attempts(at, 5)).toMatchObject([
      { kind: 'failed', class: 'network', retryable: true, notes: [] },
      { kind: 'finished', report: 'The command ended.', notes: [] },
    ]);
    expect(existsSync(join(at.cwd, 'ended'))).toBe(true);
  });

  it('is asked again where the command has ended meanwhile', async () => {
    const at = await bench.subagent('beside-miss');
    expect(await bench.attempts(at, 5)).toMatchObject([
      { kind: 'failed', class: 'network', retryable: true },
      { kind: 'finished', report: 'I look.' },
    ]);
  });

  it('is asked once in each attempt; the last ends the command', async () => {
    const at = await bench.subagent('beside-always');
    const hung = { kind: 'failed', class: 'network', retryable: true };
    const ended = `\`${printing}\` still ran in the background and was killed`;
    expect(await bench.attempts(at, 3)).toMatchObject([
      { ...hung, notes: [] },
      { ...hung, notes: [] },
      { ...hung, notes: [ended] },
    ]);
    await until('its command to end', () => findProcesses(at.subagent.copilotSessionId).length === 0);
    const asked = bench.model.requests.filter(({ conversation }) =>
      conversation?.text.includes('[subagent beside-always@1,'),
    );
    expect(asked).toHaveLength(4);
  });
});

describe('a conversation that is too long beside a command in the background', () => {
  it('is summed up, and goes on', async () => {
    const at = await bench.subagent('beside-long');
    const turn = bench.run(at);
    await until(
      'the failure',
      () => bench.pool.turns.get(at.subagent.copilotSessionId)?.state.error !== undefined,
    );
    tooLong = false;
    expect(await turn.result).toMatchObject({
      kind: 'finished',
      report: 'Short enough.',
      notes: ['the conversation became too long for the model, so Copilot summarised it'],
    });
    expect(existsSync(join(at.cwd, 'ended'))).toBe(true);
  });
});

describe('a steer that interrupts, beside a command in the background', () => {
  const steered = async (label: string, when: (state: TurnState) => boolean) => {
    const at = await bench.subagent(label);
    const turn = bench.run(at);
    const live = () => bench.pool.turns.get(at.subagent.copilotSessionId);
    await until('its command', () => live()?.state.shells.size === 1 && when(live()!.state));
    expect(await bench.steer(at.subagent, 's1', 'hurry', { interrupt: true })).toMatchObject({
      kind: 'delivered',
    });
    await until('its answer', () => live()?.state.lastReport === 'I hurry.');
    expect(findProcesses(at.subagent.copilotSessionId).length).toBeGreaterThan(0);
    await live()?.endBackground();
    expect(await turn.result).toMatchObject({ kind: 'finished' });
  };

  it('reaches one that waits for it', () => steered('beside-rest', ({ isLoopIdle }) => isLoopIdle));

  it('reaches one whose model is asked', () =>
    steered('beside-hush', ({ isModelAnswering }) => isModelAnswering));
});
