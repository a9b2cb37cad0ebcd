/** Faults of a model or its provider, as steps of the scripted model. */
import type { ServerResponse } from 'node:http';
import type { Step } from '../../src/demo/scripted-model.ts';

export * from '../../src/demo/scripted-model.ts';

/** An HTTP error, with the header of rate limits where wanted. */
export const status = (code: number, message = `scripted ${code}`, retryAfterSeconds?: number): Step => ({
  error: { status: code, message, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
});

/** Takes the request and never answers. */
export const hang: Step = { raw: () => undefined };

/** Breaks the connection before the first byte. */
export const reset: Step = {
  raw: (response: ServerResponse) => {
    response.socket?.resetAndDestroy();
  },
};

/** Begins to stream, then breaks the connection. */
export const unfinished: Step = {
  raw: (response: ServerResponse) => {
    response.setHeader('content-type', 'text/event-stream');
    response.write(
      'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"scripted","choices":[]}\n\n',
    );
    setImmediate(() => response.destroy());
  },
};

/** Not JSON, with status 200. */
export const malformed: Step = {
  raw: (response: ServerResponse) => {
    response.setHeader('content-type', 'text/event-stream');
    response.end('data: {not json\n\n');
  },
};
