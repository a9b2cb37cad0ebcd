/**
 * The events of a Copilot session that we handle, both live and from its event log. Other events and unexpected shapes
 * are ignored, so that a newer runtime with more events does not break a turn.
 */
import { z } from 'zod';
import type { Redactor } from '../../environment/redact.ts';

const event = <Type extends string, Data extends z.ZodRawShape>(type: Type, data: Data) =>
  z.object({
    type: z.literal(type),
    timestamp: z.string(),
    /** Set if the event comes from one of Copilot's own sub-agents, not from the main loop. */
    agentId: z.string().optional(),
    data: z.object(data),
  });

const toolRequest = z.object({ toolCallId: z.string(), name: z.string(), arguments: z.unknown().optional() });
const tokens = {
  model: z.string().optional(),
  inputTokens: z.number().default(0),
  outputTokens: z.number().default(0),
  cacheReadTokens: z.number().default(0),
  /** `length`: the answer was cut off. */
  finishReason: z.string().optional(),
  /** Whether a filter, or the model itself, withheld the answer or a part of it. */
  contentFilterTriggered: z.boolean().optional(),
};

const knownEvent = z.discriminatedUnion('type', [
  event('user.message', { content: z.string(), delivery: z.string().optional() }),
  event('assistant.turn_start', {}),
  event('assistant.message', {
    content: z.string().default(''),
    model: z.string().optional(),
    reasoningText: z.string().optional(),
    toolRequests: z.array(toolRequest).default([]),
  }),
  // Both have the same figures: the first occurs only live, the second only in the log.
  event('assistant.usage', tokens),
  event('session.usage_record', { usage: z.object(tokens) }),
  // The only event that shows a refusal in place of an answer.
  event('model.response', { response: z.object({ refusal: z.string().nullish() }) }),
  event('assistant.turn_retry', {}),
  event('assistant.idle', {}),
  event('session.idle', { aborted: z.boolean().default(false) }),
  event('session.error', {
    errorType: z.string(),
    message: z.string(),
    statusCode: z.number().optional(),
    errorCode: z.string().optional(),
  }),
  event('session.warning', { message: z.string() }),
  event('session.shutdown', {}),
  event('abort', { reason: z.string().optional() }),
  event('tool.execution_start', {
    toolCallId: z.string(),
    toolName: z.string(),
    arguments: z.unknown().optional(),
  }),
  event('tool.execution_complete', {
    toolCallId: z.string(),
    success: z.boolean(),
    result: z.object({ content: z.string().optional() }).optional(),
    error: z.object({ message: z.string(), code: z.string().optional() }).optional(),
    shellExecution: z.object({ exitCode: z.number().optional() }).optional(),
  }),
  event('external_tool.requested', {
    requestId: z.string(),
    toolCallId: z.string(),
    toolName: z.string(),
    arguments: z.unknown().optional(),
  }),
  event('external_tool.completed', { requestId: z.string() }),
  event('permission.requested', {
    requestId: z.string(),
    permissionRequest: z.looseObject({ kind: z.string(), toolCallId: z.string().optional() }),
    /** A hook has answered it. */
    resolvedByHook: z.boolean().optional(),
  }),
  event('permission.completed', { requestId: z.string() }),
  event('system.notification', {
    content: z.string(),
    kind: z.object({ type: z.string(), shellId: z.string().optional() }).optional(),
  }),
]);
/** An event of a known type, live or from the log. */
export type CopilotEvent = z.infer<typeof knownEvent>;

const KNOWN = new Set(knownEvent.options.map((option) => option.shape.type.value as string));

/**
 * Parses an event; `undefined` if its type is unknown. Secrets are redacted here, before anything is truncated or
 * quoted: half a secret would no longer be recognized.
 */
export function readEvent(raw: { readonly type: string }, redactor?: Redactor): CopilotEvent | undefined {
  if (!KNOWN.has(raw.type)) return undefined;
  const event = knownEvent.safeParse(raw).data;
  return redactor?.deep(event) ?? event;
}

/** Whether an event of this type shows progress of the main loop: something begins, is retried, ends or arrives. */
export function isProgressEvent(type: string): boolean {
  return /^(assistant|tool|external_tool|subagent|system\.notification|user|session\.(error|compaction))/.test(
    type,
  );
}

/** Whether an event of this type is tool output. A background tool prints independently of the main loop. */
export function isToolOutput(type: string): boolean {
  return type === 'tool.execution_partial_result' || type === 'tool.shell_output';
}

/**
 * Whether an event of this type is a sign of life of the model, a tool, or one of Copilot's sub-agents. A hung model
 * and a silent shell emit none. A new or failed model request does not count.
 */
export function isSignOfLife(type: string): boolean {
  return isProgressEvent(type) && !/^(assistant\.(turn_|idle)|session\.error)/.test(type);
}
