import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startScriptedModel, type ScriptedModel } from '../../src/demo/scripted-model.ts';

let model: ScriptedModel;
beforeAll(async () => {
  model = await startScriptedModel([
    {
      when: ({ text }) => text.includes('hello'),
      steps: [
        { text: 'one two', tools: [{ name: 'bash', arguments: { command: 'true' } }], paceMs: 1 },
        { text: 'the end' },
      ],
    },
    {
      when: ({ text }) => text.includes('limited'),
      steps: [{ error: { status: 429, message: 'wait', retryAfterSeconds: 7 } }],
    },
  ]);
});
afterAll(() => model.stop());

const HELLO = { role: 'user', content: 'hello' };
const ask = (messages: object[], more: object = {}) =>
  fetch(`${model.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer key' },
    body: JSON.stringify({ model: 'scripted', messages, ...more }),
  });
const answer = async (messages: object[]) =>
  (await (await ask(messages)).json()) as {
    choices: { message: { content: string; tool_calls?: { id: string }[] }; finish_reason: string }[];
    usage: {
      prompt_tokens: number;
      completion_tokens: number;
      prompt_tokens_details: { cached_tokens: number };
    };
  };

describe('the scripted model', () => {
  it('answers by the conversation alone', async () => {
    const first = await answer([HELLO]);
    expect(first.choices[0]).toMatchObject({ message: { content: 'one two' }, finish_reason: 'tool_calls' });
    expect(await answer([HELLO])).toMatchObject({ choices: [{ message: { content: 'one two' } }] });

    const said = { role: 'assistant', content: 'one two', tool_calls: first.choices[0]?.message.tool_calls };
    const next = [HELLO, said, { role: 'tool', tool_call_id: said.tool_calls?.[0]?.id, content: '' }];
    expect((await answer(next)).choices[0]).toMatchObject({
      message: { content: 'the end' },
      finish_reason: 'stop',
    });
    // Calls that Copilot makes by itself are no answers of the model.
    const own = { role: 'assistant', content: null, tool_calls: [{ id: '0c189fba-4311' }] };
    expect((await answer([HELLO, own])).choices[0]?.message.content).toBe('one two');
  });

  it('streams word by word, with usage at the end', async () => {
    const text = await (await ask([HELLO], { stream: true })).text();
    const chunks = text
      .split('\n\n')
      .filter((line) => line.startsWith('data: {'))
      .map(
        (line) => JSON.parse(line.slice(6)) as { choices: { delta: { content?: string } }[]; usage?: object },
      );
    expect(
      chunks.flatMap(({ choices }) => choices[0]?.delta.content ?? []).filter((word) => word !== ''),
    ).toEqual(['one ', 'two']);
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: expect.any(Number) as number });
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
  });

  it('counts what the conversation already had as cached', async () => {
    const first = (await answer([HELLO])).usage;
    expect(first.prompt_tokens_details.cached_tokens).toBe(0);
    const later = (
      await answer([
        HELLO,
        { role: 'assistant', content: 'one two' },
        { role: 'user', content: 'x'.repeat(400) },
      ])
    ).usage;
    expect(later.prompt_tokens - later.prompt_tokens_details.cached_tokens).toBe(100);
  });

  it('fails as told, and where no script fits', async () => {
    const limited = await ask([{ role: 'user', content: 'limited' }]);
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
    expect((await ask([{ role: 'user', content: 'unheard of' }])).status).toBe(400);
    expect((await fetch(`${model.url}/embeddings`, { method: 'POST', body: '{}' })).status).toBe(404);
    expect(await (await fetch(`${model.url}/models`)).json()).toMatchObject({ data: [{ id: 'scripted' }] });
  });

  it('remembers what it was asked', async () => {
    await ask([
      { role: 'user', content: 'hello there' },
      { role: 'user', content: 'hello there' },
    ]);
    expect(model.timesSaid('hello there')).toBe(2);
    expect(model.timesSaid('never said')).toBe(0);
    expect(model.requests.at(-1)).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer key' },
    });
    expect(model.requests.at(-1)?.finishedAt).toBeGreaterThan(model.requests.at(-1)?.receivedAt ?? Infinity);
  });
});
