/** Handles tool calls of Copilot CLI. */
import type { ToolResultObject } from '@github/copilot-sdk';
import type { Announcement } from '../contract/index.ts';
import { callTool, TOOLS, type ToolContext } from '../tools/index.ts';
import { historyKey, deliveredLine } from '../prompts/index.ts';

/** What all calls of a conversation share. Each call adds its own `signal` and `progress`. */
export interface Calls {
  context(): Promise<Omit<ToolContext, 'signal' | 'progress'>>;
  /** Called before a call begins. @param waits whether it is a `wait` @returns a function to call after its end */
  callStarted(waits: boolean): () => void;
  /** Called when an answer contains these announcements. */
  answerDelivered(announcements: readonly Announcement[]): void;
}

/** Calls the tool `name`. @throws the reason of `signal` when it is aborted */
export async function callFromCopilot(
  calls: Calls,
  name: string,
  input: unknown,
  signal: AbortSignal = new AbortController().signal,
): Promise<ToolResultObject> {
  const tool = TOOLS.find((each) => each.name === name);
  if (tool === undefined) throw new Error(`there is no tool ${name}`);
  const ended = calls.callStarted((input as { action?: unknown } | undefined)?.action === 'wait');
  try {
    const context = await calls.context();
    const result = await callTool(tool, current(context, signal), input);
    // A cancelled call gets no answer, so it delivers no announcements.
    signal.throwIfAborted();
    if ('error' in result) return { textResultForLlm: result.text, resultType: 'failure' };
    // Announcements that are being pushed meanwhile do not count as part of the answer.
    const announced = (result.announced ?? []).filter((each) => !context.inbox.isBeingPushed(each));
    context.inbox.markDelivered(announced);
    if (announced.length > 0) calls.answerDelivered(announced);
    const mark = announced.length === 0 ? [] : [deliveredLine(announced.map(historyKey))];
    return { textResultForLlm: [result.text, ...mark].join('\n'), resultType: 'success' };
  } finally {
    ended();
  }
}

function current(context: Omit<ToolContext, 'signal' | 'progress'>, signal: AbortSignal): ToolContext {
  return {
    ...context,
    // A getter, because the connection may be opened while a call runs.
    get current() {
      return context.current;
    },
    signal,
    progress: () => undefined,
  };
}
