import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TurnResult } from '../../src/contract/index.ts';
import { eventLogPath, readEventLog } from '../../src/copilot/log/event-log.ts';
import { stopCopilotSession } from '../../src/copilot/session/close.ts';
import { findProcesses } from '../../src/home/processes.ts';
import { bash, on, TurnBench, until } from '../support/turns.ts';

const ask = (question: string, choices?: string[]) => ({
  name: 'ask_parent',
  arguments: { question, ...(choices && { choices }) },
});

let bench: TurnBench;
beforeAll(async () => {
  bench = await TurnBench.start([
    on('colour', [{ tools: [ask('Which colour?', ['red', 'blue'])] }, { text: 'Painted it.' }]),
    on('restart', [{ tools: [ask('Go on?')] }, { text: 'Went on.' }]),
    on('unheard', [{ tools: [ask('Still there?')] }, { text: 'Good.' }]),
    on('two', [{ tools: [ask('First?'), ask('Second?')] }, { text: 'Both known.' }]),
    on('server', [
      bash('sleep 40', { mode: 'async' }),
      { tools: [ask('Keep the server?')] },
      { text: 'Kept it in mind.' },
    ]),
    on('lostanswer', [{ tools: [ask('Sure?')] }, { text: 'Thinking…', delayMs: 60_000 }, { text: 'never' }]),
    on('cut-off', [{ tools: [ask('Which?')] }, { text: 'Took it.' }]),
    {
      when: ({ userMessages }) => userMessages.at(-1)?.includes('find out the colour') ?? false,
      steps: ({ answers, news }) =>
        answers === 0 ? { tools: [ask('Which colour?')] } : { text: `I was told: ${news}` },
    },
    ...(['sync', 'background'] as const).map((mode) =>
      on(`delegates-${mode}`, ({ answers, text }) => {
        const task = { name: 'finder', description: 'find', agent_type: 'general-purpose', mode };
        if (answers === 0)
          return { tools: [{ name: 'task', arguments: { ...task, prompt: 'find out the colour' } }] };
        return { text: text.includes('Only the main agent loop can ask') ? 'It could not ask.' : 'Waiting.' };
      }),
    ),
    on('nonsense', [{ tools: [{ name: 'ask_parent', arguments: { wrong: 1 } }] }, { text: 'ok' }]),
  ]);
});
afterAll(() => bench.close());

function questions(result: TurnResult) {
  if (result.kind !== 'question') throw new Error(`no question but ${JSON.stringify(result)}`);
  return result.questions;
}
const answered = async (copilotSessionId: string) =>
  (await readEventLog(bench.copilotHome, copilotSessionId)).filter(
    ({ type }) => type === 'external_tool.completed',
  ).length;

describe('a question', () => {
  it('ends the turn; the answer goes on with it, without a prompt', async () => {
    const at = await bench.subagent('colour');
    const asked = await bench.run(at).result;
    expect(questions(asked)).toEqual([
      { requestId: expect.any(String) as string, question: 'Which colour?', choices: ['red', 'blue'] },
    ]);
    expect(bench.pool.turns.get(at.subagent.copilotSessionId)).toBeUndefined();

    const [question] = questions(asked);
    const answers = [{ requestId: question?.requestId ?? '', answer: 'blue, the dark one' }];
    const result = await bench.run({ ...at, turn: 2, prompt: '', answers }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Painted it.', usage: { modelRequests: 1 } });
    const last = bench.model.requests.at(-1)?.conversation;
    expect(last?.toolResults).toEqual(['blue, the dark one']);
    expect(last?.userMessages.length).toBe(1);
  });

  it('and its answer survive a restart of the worker in between', async () => {
    const at = await bench.subagent('restart');
    const [question] = questions(await bench.run(at).result);
    await bench.restart();
    const answers = [{ requestId: question?.requestId ?? '', answer: 'yes' }];
    const result = await bench.run({ ...at, turn: 2, prompt: '', answers }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Went on.' });
  });

  it('that nobody heard is asked again from the log, without the model', async () => {
    const at = await bench.subagent('unheard');
    const asked = questions(await bench.run(at).result);
    await bench.killRuntime();
    const before = bench.model.requests.length;
    expect(questions(await bench.run({ ...at, lostBefore: 1 }).result)).toEqual(asked);
    expect(bench.model.requests.length).toBe(before);
  });

  it('of two needs both answers, in one turn or in two', async () => {
    const at = await bench.subagent('two');
    const asked = questions(await bench.run(at).result);
    expect(asked.map(({ question }) => question)).toEqual(['First?', 'Second?']);
    const answers = asked.map(({ requestId }, index) => ({ requestId, answer: `answer ${index}` })).reverse();
    const half = await bench.run({ ...at, turn: 2, prompt: '', answers: answers.slice(0, 1) }).result;
    expect(questions(half).map(({ question }) => question)).toEqual(['First?']);
    const result = await bench.run({ ...at, turn: 3, prompt: '', answers: answers.slice(1) }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Both known.' });
    expect(bench.model.requests.at(-1)?.conversation?.toolResults).toEqual(['answer 0', 'answer 1']);
  });

  it('ends what runs in the background, and the answer says so', async () => {
    const at = await bench.subagent('server');
    const [question] = questions(await bench.run(at).result);
    await stopCopilotSession(bench.pool, at.subagent, { abort: false, over: false });
    await until('the server to end', () => findProcesses(at.subagent.copilotSessionId).length === 0);
    const answers = [{ requestId: question?.requestId ?? '', answer: 'yes' }];
    await bench.run({ ...at, turn: 2, prompt: '', answers }).result;
    expect(bench.model.requests.at(-1)?.conversation?.news).toContain('* bash: sleep 40');
  });

  it('is not answered twice when the runtime dies right after the answer', async () => {
    const at = await bench.subagent('lostanswer');
    const [question] = questions(await bench.run(at).result);
    const input = {
      ...at,
      turn: 2,
      prompt: '',
      answers: [{ requestId: question?.requestId ?? '', answer: 'yes' }],
    };
    const first = bench.run(input);
    await until('the answer in the log', async () => (await answered(at.subagent.copilotSessionId)) === 1);
    await bench.killRuntime();
    expect(await first.result).toMatchObject({ kind: 'lost' });
    const second = bench.run({ ...input, lostBefore: 1 });
    await until('the model to be asked', () => {
      const news = bench.model.requests.flatMap(({ conversation }) =>
        conversation?.text.includes('[subagent lostanswer@') ? conversation.news : [],
      );
      return news.some((said) => said.includes('yes'));
    });
    expect(await answered(at.subagent.copilotSessionId)).toBe(1);
    await stopCopilotSession(bench.pool, at.subagent, { abort: true, over: true });
    expect(await second.result).toMatchObject({ kind: 'lost', reason: 'its Copilot session was closed' });
  });

  it('whose answer was cut off on its way is told the answer', async () => {
    const at = await bench.subagent('cut-off');
    const [question] = questions(await bench.run(at).result);
    const answers = [{ requestId: question?.requestId ?? '', answer: 'the third one' }];
    await bench.run({ ...at, turn: 2, prompt: '', answers }).result;
    await bench.restart();
    // What is left after a crash between the two events by which the runtime takes an answer in.
    const path = eventLogPath(bench.copilotHome, at.subagent.copilotSessionId);
    const log = (await readFile(path, 'utf8')).split('\n');
    const cut = log.findIndex((line) => line.includes('"external_tool.completed"')) + 1;
    await writeFile(path, `${log.slice(0, cut).join('\n')}\n`);

    const result = await bench.run({ ...at, turn: 2, prompt: '', answers, lostBefore: 1 }).result;
    expect(result).toMatchObject({ kind: 'finished', report: 'Took it.' });
    expect(bench.model.requests.at(-1)?.conversation?.news).toContain(
      'The main agent answers:\n\nthe third one',
    );
  });

  it.each(['sync', 'background'])(
    'of one of Copilot’s own sub-agents (%s) is refused, and the turn goes on',
    async (mode) => {
      const at = await bench.subagent(`delegates-${mode}`);
      const result = await bench.run(at).result;
      expect(result).toMatchObject({
        kind: 'finished',
        usage: { toolCalls: mode === 'sync' ? 2 : (expect.any(Number) as number) },
      });
      const told = bench.model.requests.filter(({ conversation }) =>
        conversation?.news.includes('Only the main agent loop can ask'),
      );
      expect(told.length).toBeGreaterThan(0);
    },
  );

  it('of a shape that nobody asked for is passed on as it is', async () => {
    const at = await bench.subagent('nonsense');
    expect(questions(await bench.run(at).result)[0]?.question).toContain('wrong');
  });
});
