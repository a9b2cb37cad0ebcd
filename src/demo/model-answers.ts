/** Answers of the scripted model in the format of OpenAI's chat completions, streamed or whole. */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { CALL_ID_PREFIX, type ModelConversation } from './conversation.ts';
import type { ScriptedStep, ToolCall } from './scripted-model.ts';

interface ChatRequest {
  readonly model: string;
  readonly conversation: ModelConversation;
  readonly stream: boolean;
}

/** Writes `step` as the answer. */
export async function writeAnswer(
  response: ServerResponse,
  step: ScriptedStep,
  asked: ChatRequest,
): Promise<void> {
  if ('raw' in step) return step.raw(response);
  if ('error' in step) return writeError(response, step.error);
  if (step.delayMs !== undefined) await sleep(step.delayMs);

  const text = step.text ?? '';
  const calls = (step.tools ?? []).map((call, index) => wireCall(call, index));
  const finish = calls.length > 0 ? 'tool_calls' : 'stop';
  const usage = countTokens(asked.conversation, text + JSON.stringify(step.tools ?? ''));
  const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: asked.model };

  if (!asked.stream) {
    const message = { role: 'assistant', content: text, ...(calls.length > 0 && { tool_calls: calls }) };
    const choices = [{ index: 0, message, finish_reason: finish }];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ...head, object: 'chat.completion', choices, usage }));
    return;
  }

  response.setHeader('content-type', 'text/event-stream');
  const send = (choices: readonly unknown[], more: object = {}): void => {
    const chunk = { ...head, object: 'chat.completion.chunk', choices, ...more };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  const delta = (part: object): void => send([{ index: 0, delta: part, finish_reason: null }]);

  delta({ role: 'assistant', content: '' });
  for (const word of step.paceMs === undefined ? [text] : text.split(/(?<=\s)/)) {
    if (word === '') continue;
    delta({ content: word });
    if (step.paceMs !== undefined) await sleep(step.paceMs);
  }
  for (const call of calls) delta({ tool_calls: [call] });
  send([{ index: 0, delta: {}, finish_reason: finish }]);
  send([], { usage });
  response.end('data: [DONE]\n\n');
}

/** Writes an error in OpenAI's format. */
export function writeError(
  response: ServerResponse,
  error: { status: number; message: string; code?: string; retryAfterSeconds?: number },
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = error.status;
  response.setHeader('content-type', 'application/json');
  if (error.retryAfterSeconds !== undefined) response.setHeader('retry-after', error.retryAfterSeconds);
  response.end(
    JSON.stringify({
      error: { message: error.message, type: 'error', code: error.code ?? null, param: null },
    }),
  );
}

function wireCall(call: ToolCall, index: number): object {
  const id = `${CALL_ID_PREFIX}${randomUUID().replaceAll('-', '').slice(0, 24)}`;
  return {
    index,
    id,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  };
}

/** Estimates tokens at four characters each; the prompt of the last request counts as cached. */
function countTokens(conversation: ModelConversation, produced: string): object {
  const tokens = (texts: readonly string[]): number => Math.ceil(texts.join('').length / 4);
  const prompt = tokens(conversation.messages.map(({ content }) => content));
  const fresh = tokens([conversation.news]);
  const completion = Math.max(1, tokens([produced]));
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: conversation.answers === 0 ? 0 : Math.max(0, prompt - fresh) },
  };
}
