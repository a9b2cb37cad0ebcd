import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopCopilotSession } from '../../src/copilot/session/close.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { sweep } from '../../src/home/sweep.ts';
import { eventually } from '../support/eventually.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

const ENDLESS = 'while true; do sleep 0.2; done';
let bench: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start([
    on('plain', [{ text: 'All is done.' }]),
    on('tools', [
      bash('echo made > file.txt && cat file.txt'),
      { tools: [{ name: 'view', arguments: { path: join('/', 'nowhere') } }] },
      { text: 'I made file.txt.' },
    ]),
    on('repeat', ({ answers }) => ({ text: `answer ${answers + 1}` })),
    on('rules', [{ text: 'Read.' }]),
    on('marked', [bash('(setsid sleep 30 &) ; ulimit -x'), { text: 'Left one.' }]),
    on('endless', [bash(ENDLESS, { mode: 'async' }), { text: 'The server runs.' }]),
    on('notified', [
      bash('sleep 2; echo tests passed', { mode: 'async' }),
      { text: 'Waiting.' },
      { text: 'They passed.' },
    ]),
    on('silent', [bash('sleep 30'), { text: 'Slept.' }]),
    on('printing', [bash('for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done'), { text: 'Counted.' }]),
    on('slow', [{ text: 'one two three four five six seven eight', paceMs: 400 }]),
  ]);
});
afterAll(() => bench.close());

describe('a turn', () => {
  it('ends with the final message as its report', async () => {
    const at = await bench.subagent('plain');
    const result = await bench.run({ ...at, prompt: 'plain work' }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'All is done.', model: 'scripted', notes: [] });
    expect(bench.model.timesSaid('[subagent plain@1, turn 1]\nplain work')).toBe(1);
  });

  it('works with tools in its workspace, counts what it used and says what it does', async () => {
    const at = await bench.subagent('tools');
    const turn = bench.run(at);
    const result = await turn.result;
    expect(result).toMatchObject({ kind: 'finished', usage: { modelRequests: 3, toolCalls: 2 } });
    expect(result).toHaveProperty('usage.inputTokens', expect.any(Number));
    expect(await readFile(join(at.cwd, 'file.txt'), 'utf8')).toBe('made\n');
    expect(turn.beats[0]).toMatchObject({ doing: 'starting', usage: { modelRequests: 0 } });
  });

  it('that is ended while it begins does nothing more, whenever that is', async () => {
    const moments = [0, 3, 10, 20, 40, 70, 100, 150, 200, 250, 300, 400, 600];
    const all = await Promise.all(
      moments.map(async (ms) => {
        const at = await bench.subagent(`cut-${ms}`);
        const { result } = bench.run({ ...at, prompt: 'silent' });
        await delay(ms);
        await stopCopilotSession(bench.pool, at.subagent, { abort: true, over: true });
        const report = await sweep(at.subagent.copilotSessionId);
        expect(report.left).toEqual([]);
        expect(await result).toMatchObject({ kind: 'lost', reason: 'its Copilot session was closed' });
        return at;
      }),
    );
    const asked = bench.model.requests.length;
    // Nothing happens that could be waited for: a session that was left open would have started its command by then.
    await delay(1_500);
    expect(bench.model.requests.length).toBe(asked);
    for (const { subagent } of all) expect(findProcesses(subagent.copilotSessionId)).toEqual([]);
    // Nor is it taken up again by an attempt that comes late.
    const late = all[0];
    expect(late && (await bench.run({ ...late, prompt: 'silent' }).result).kind).toBe('lost');
  });

  it('is let go once its run is over: nothing of it stays in the memory of the worker', async () => {
    const at = await bench.subagent('tools');
    const turn = bench.run(at);
    const kept = await eventually(() => {
      const live = bench.pool.turns.get(at.subagent.copilotSessionId);
      return live && new WeakRef(live);
    });
    await turn.result;
    await stopCopilotSession(bench.pool, at.subagent, { abort: false, over: true });
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await eventually(() => {
      collect();
      return kept.deref() === undefined;
    });
  });

  it('continues the conversation of the turns before it', async () => {
    const at = await bench.subagent('repeat');
    expect(await bench.run(at).result).toMatchObject({ report: 'answer 1' });
    const second = await bench.run({ ...at, turn: 2, prompt: 'again' }).result;
    expect(second).toMatchObject({ report: 'answer 2', usage: { modelRequests: 1 } });
    // Where only the report was lost, asking again costs nothing.
    const workedMs = expect.any(Number) as number;
    expect(await bench.run({ ...at, turn: 2, prompt: 'again' }).result).toEqual({ ...second, workedMs });
  });

  it('tells the model what a subagent is, and what the repository says', async () => {
    const at = await bench.subagent('rules');
    await writeFile(join(at.cwd, 'AGENTS.md'), 'Indent by three spaces.');
    await bench.run(at).result;
    const request = bench.model.requests.at(-1);
    expect(request?.conversation?.systemMessage).toContain('You are a subagent');
    expect(request?.conversation?.systemMessage).toContain('Indent by three spaces.');
    expect(request?.tools).toContain('ask_parent');
    expect(request?.tools).not.toContain('ask_user');
  });

  it.runIf(process.platform === 'linux')('marks every process that it leaves', async () => {
    const at = await bench.subagent('marked');
    await bench.run(at).result;
    const left = findProcesses(at.subagent.copilotSessionId);
    expect(left.map(({ command }) => command)).toEqual(['sleep 30']);
  });
});

describe('commands in the background', () => {
  it('that end are waited for: the turn ends with the message after them', async () => {
    const at = await bench.subagent('notified');
    const result = await bench.run(at).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'They passed.' });
  });

  it('that never end, and say nothing, are ended with the turn', async () => {
    const at = await bench.subagent('endless');
    const result = await bench.run({ ...at, stuckAfterMs: 1_500 }).result;
    expect(result).toMatchObject({
      kind: 'finished',
      report: 'The server runs.',
      notes: [`\`${ENDLESS}\` still ran in the background and was killed`],
    });
    await until('it to end', () => findProcesses(at.subagent.copilotSessionId).length === 0);
  });
});

describe('silence', () => {
  it('of a shell makes a turn stuck; the next attempt finds it running', async () => {
    const at = await bench.subagent('silent');
    const result = await bench.run({ ...at, stuckAfterMs: 1_000 }).result;
    expect(result).toMatchObject({ kind: 'stuck', doing: 'bash: sleep 30' });
    expect(result).toHaveProperty(
      'silentMs',
      expect.toSatisfy((ms: number) => ms >= 1_000 && ms < 3_000),
    );

    const next = bench.run(at);
    const sleeper = findProcesses(at.subagent.copilotSessionId).find(({ command }) => command === 'sleep 30');
    process.kill(sleeper?.pid ?? 0);
    expect(await next.result).toMatchObject({ kind: 'finished', report: 'Slept.' });
    expect(bench.model.timesSaid('[subagent silent@1, turn 1]')).toBe(1);
  });

  it('is none while a shell prints', async () => {
    const at = await bench.subagent('printing');
    const result = await bench.run({ ...at, stuckAfterMs: 1_500 }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Counted.' });
  });

  it('is none while a model answers slowly', async () => {
    const at = await bench.subagent('slow');
    const result = await bench.run({ ...at, stuckAfterMs: 1_500 }).result;
    expect(result).toMatchObject({ kind: 'finished' });
  });
});
