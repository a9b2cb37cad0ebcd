/** The parts of a chat completions request that a script needs. */
import { z } from 'zod';

const content = z
  .union([z.string(), z.array(z.looseObject({ text: z.string().optional() })), z.null()])
  .optional()
  .transform((value) =>
    typeof value === 'string' ? value : (value ?? []).map(({ text }) => text ?? '').join('\n'),
  );

const requestBody = z.looseObject({
  model: z.string(),
  stream: z.boolean().default(false),
  messages: z.array(
    z.looseObject({
      role: z.string(),
      content,
      tool_calls: z.array(z.looseObject({ id: z.string() })).default([]),
    }),
  ),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }).optional() })).default([]),
});

/** Prefix of the scripted model's tool call ids. */
export const CALL_ID_PREFIX = 'call_';

/** The conversation so far. */
export interface ModelConversation {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  /** Everything except the system message, in order. */
  readonly text: string;
  readonly systemMessage: string;
  readonly userMessages: readonly string[];
  /** Results of tools, in order. */
  readonly toolResults: readonly string[];
  /**
   * Number of the model's answers, which is the index of the next step. Tool calls that Copilot makes by itself do not
   * count.
   */
  readonly answers: number;
  /** Tool results and messages since the model's last answer. */
  readonly news: string;
}

/** Parses a request body. Throws if it is not a chat completions request. */
export function readConversation(body: string): {
  readonly conversation: ModelConversation;
  readonly model: string;
  readonly tools: readonly string[];
  readonly stream: boolean;
} {
  const { model, messages, tools, stream } = requestBody.parse(JSON.parse(body));
  const said = messages.filter(({ role }) => role !== 'system');
  const by = (role: string): string[] => said.filter((one) => one.role === role).map((one) => one.content);
  const lastAnswer = said.findLastIndex(({ role }) => role === 'assistant');
  return {
    model,
    stream,
    tools: tools.flatMap((tool) => tool.function?.name ?? []),
    conversation: {
      messages,
      text: said.map((one) => one.content).join('\n'),
      systemMessage: messages
        .filter(({ role }) => role === 'system')
        .map((one) => one.content)
        .join('\n'),
      userMessages: by('user'),
      toolResults: by('tool'),
      answers: said.filter(isAnswer).length,
      news: said
        .slice(lastAnswer + 1)
        .map((one) => one.content)
        .join('\n'),
    },
  };
}

function isAnswer({ role, tool_calls: calls }: z.infer<typeof requestBody>['messages'][number]): boolean {
  return (
    role === 'assistant' && (calls.length === 0 || calls.some(({ id }) => id.startsWith(CALL_ID_PREFIX)))
  );
}
