/**
 * A scripted model: a small OpenAI-compatible server on loopback, for a demo without a model and for tests.
 *
 * It is stateless: each answer follows from the conversation in the request. A Copilot session that was killed and
 * resumed therefore continues where it was, even with a restarted scripted model.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeAnswer, writeError } from './model-answers.ts';
import { readConversation, type ModelConversation } from './conversation.ts';

/** One tool call of a step, with Copilot's tool names: `bash`, `create`, `edit`, `view`, `ask_parent`, … */
export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What the model does at one point of a conversation. */
export type ScriptedStep =
  | {
      readonly text?: string;
      readonly tools?: readonly ToolCall[];
      /** Milliseconds before the first byte. */
      readonly delayMs?: number;
      /** Milliseconds between two words of `text`; without it the text is sent at once. */
      readonly paceMs?: number;
    }
  | {
      readonly error: {
        readonly status: number;
        readonly message: string;
        readonly code?: string;
        readonly retryAfterSeconds?: number;
      };
    }
  /** Writes the response itself, for answers that no model should give. */
  | { readonly raw: (response: ServerResponse) => void };

/** What the model does in conversations that `when` recognises. */
export interface Scenario {
  readonly when: (conversation: ModelConversation) => boolean;
  /** Steps by the number of answers in the conversation (the last one repeats), or a function that chooses. */
  readonly steps: readonly ScriptedStep[] | ((conversation: ModelConversation) => ScriptedStep);
}

/** One request, for assertions. */
interface ModelRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Set for chat completions only. */
  readonly model?: string;
  readonly conversation?: ModelConversation;
  /** Names of the offered tools. */
  readonly tools: readonly string[];
  /** Milliseconds since the epoch, with fractions. */
  readonly receivedAt: number;
  /** When the last byte of the answer was written; absent until then. */
  finishedAt?: number;
}

export interface ScriptedModel {
  /** Base URL, including `/v1`. */
  readonly url: string;
  /** Environment variables that make Copilot CLI use this model without a login. */
  readonly env: Readonly<Record<string, string>>;
  readonly requests: readonly ModelRequest[];
  /** The largest number of user messages with `text` in one conversation: 1 if a prompt was sent once. */
  timesSaid(text: string): number;
  stop(): Promise<void>;
}

/** The name of the scripted model. */
const SCRIPTED_MODEL = 'scripted';

/**
 * Starts a scripted model on a free loopback port. A conversation is answered by the first scenario that recognises it.
 */
export async function startScriptedModel(scenarios: readonly Scenario[]): Promise<ScriptedModel> {
  const requests: ModelRequest[] = [];
  const server = createServer((request, response) => {
    handle(request, response, scenarios, requests).catch((error: unknown) => {
      // Clients do not retry a 400, so a mistake in a script shows at once.
      writeError(response, { status: 400, message: `scripted model: ${String(error)}` });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return {
    url,
    env: {
      COPILOT_PROVIDER_TYPE: 'openai',
      COPILOT_PROVIDER_BASE_URL: url,
      COPILOT_MODEL: SCRIPTED_MODEL,
      COPILOT_OFFLINE: 'true',
      COPILOT_AUTO_UPDATE: 'false',
    },
    requests,
    timesSaid: (text) =>
      Math.max(
        0,
        ...requests.map(
          ({ conversation }) => conversation?.userMessages.filter((said) => said.includes(text)).length ?? 0,
        ),
      ),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  scenarios: readonly Scenario[],
  requests: ModelRequest[],
): Promise<void> {
  const receivedAt = performance.timeOrigin + performance.now();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const path = (request.url ?? '').split('?')[0] ?? '';
  const base = { method: request.method ?? '', path, headers: request.headers, receivedAt };

  if (request.method === 'GET' && path === '/v1/models') {
    requests.push({ ...base, tools: [] });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ object: 'list', data: [{ id: SCRIPTED_MODEL, object: 'model' }] }));
    return;
  }
  if (request.method !== 'POST' || path !== '/v1/chat/completions') {
    requests.push({ ...base, tools: [] });
    writeError(response, { status: 404, message: `scripted model: no ${base.method} ${path}` });
    return;
  }

  const { conversation, model, tools, stream } = readConversation(Buffer.concat(chunks).toString());
  const entry: ModelRequest = { ...base, model, conversation, tools };
  requests.push(entry);
  response.once('finish', () => (entry.finishedAt = performance.timeOrigin + performance.now()));
  await writeAnswer(response, stepFor(conversation, scenarios), { model, conversation, stream });
}

function stepFor(conversation: ModelConversation, scenarios: readonly Scenario[]): ScriptedStep {
  const scenario = scenarios.find(({ when }) => when(conversation));
  if (scenario === undefined) throw new Error('no scenario recognises this conversation');
  if (typeof scenario.steps === 'function') return scenario.steps(conversation);
  const step = scenario.steps[conversation.answers] ?? scenario.steps.at(-1);
  if (step === undefined) throw new Error('the scenario has no steps');
  return step;
}
