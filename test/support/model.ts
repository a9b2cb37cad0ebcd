/** Faults of a model or its provider, as steps of the scripted model. */
import type { ServerResponse } from 'node:http';
import type { ScriptedStep } from '../../src/demo/scripted-model.ts';

export * from '../../src/demo/scripted-model.ts';

/** An HTTP error, with the header of rate limits where wanted. */
export const status = (
  code: number,
  message = `scripted ${code}`,
  retryAfterSeconds?: number,
): ScriptedStep => ({
  error: { status: code, message, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
});

/** Takes the request and never answers. */
export const hang: ScriptedStep = { raw: () => undefined };

/** Breaks the connection before the first byte. */
export const reset: ScriptedStep = {
  raw: (response: ServerResponse) => {
    response.socket?.resetAndDestroy();
  },
};

/** Not JSON, with status 200. */
export const malformed: ScriptedStep = {
  raw: (response: ServerResponse) => {
    response.setHeader('content-type', 'text/event-stream');
    response.end('data: {not json\n\n');
  },
};

/** Answers with these chunks: the text, then how it ended (and, of some, a refusal beside it). */
export const ending = (finish: string, text: string, refusal?: string): ScriptedStep => ({
  raw: (response: ServerResponse) => {
    const send = (choices: readonly object[], more: object = {}): void => {
      const chunk = {
        id: '1',
        object: 'chat.completion.chunk',
        created: 1,
        model: 'scripted',
        choices,
        ...more,
      };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    response.setHeader('content-type', 'text/event-stream');
    send([{ index: 0, delta: { role: 'assistant', content: text }, finish_reason: null }]);
    send([{ index: 0, delta: refusal === undefined ? {} : { refusal }, finish_reason: finish }]);
    send([], { usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } });
    response.end('data: [DONE]\n\n');
  },
});
