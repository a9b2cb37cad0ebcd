/** Calls of the tools as Copilot CLI makes them. */
import type { ToolResultObject } from '@github/copilot-sdk';
import type { Announcement } from '../contract/index.ts';
import { callTool, TOOLS, type ToolContext } from '../tools/index.ts';
import { keyOf, toldLine } from './marks.ts';

/** What the calls of a conversation share; `signal` and `progress` come with each call. */
export interface Calls {
  context(): Promise<Omit<ToolContext, 'signal' | 'progress'>>;
  /** Told before a call begins, and whether it is a `wait`. @returns to be called after it has ended */
  began(waits: boolean): () => void;
  /** An answer with these is on its way. */
  told(announcements: readonly Announcement[]): void;
}

/** Calls the tool that is called `name`. @throws the reason of `signal`, once it is aborted */
export async function callFromCopilot(
  calls: Calls,
  name: string,
  input: unknown,
  signal: AbortSignal = new AbortController().signal,
): Promise<ToolResultObject> {
  const tool = TOOLS.find((each) => each.name === name);
  if (tool === undefined) throw new Error(`there is no tool ${name}`);
  const ended = calls.began((input as { action?: unknown } | undefined)?.action === 'wait');
  try {
    const context = await calls.context();
    const result = await callTool(tool, current(context, signal), input);
    // A call that was given up gets no answer, so nothing was told.
    signal.throwIfAborted();
    if ('error' in result) return { textResultForLlm: result.text, resultType: 'failure' };
    // What has set out for the conversation meanwhile is told there.
    const announced = (result.announced ?? []).filter((each) => !context.inbox.isComing(each));
    context.inbox.tell(announced);
    if (announced.length > 0) calls.told(announced);
    const told = announced.length === 0 ? [] : [toldLine(announced.map(keyOf))];
    return { textResultForLlm: [result.text, ...told].join('\n'), resultType: 'success' };
  } finally {
    ended();
  }
}

function current(context: Omit<ToolContext, 'signal' | 'progress'>, signal: AbortSignal): ToolContext {
  return {
    ...context,
    // Not a copy: it changes while a call runs.
    get current() {
      return context.current;
    },
    signal,
    progress: () => undefined,
  };
}
