/** The tools as Copilot CLI takes them. */
import type { Tool as CopilotTool, ToolResultObject } from '@github/copilot-sdk';
import { z } from 'zod';
import type { Announcement } from '../contract/index.ts';
import { callTool, TOOLS, type Tool, type ToolContext } from '../tools/index.ts';
import { keyOf, toldLine } from './marks.ts';

/** What the calls of a conversation share; `signal` and `progress` come with each call. */
export interface Calls {
  context(): Promise<Omit<ToolContext, 'signal' | 'progress'>>;
  /** Told before a call begins, and whether it is a `wait`. @returns to be called after it has ended */
  began(waits: boolean): () => void;
  /** An answer with these is on its way. */
  told(announcements: readonly Announcement[]): void;
}

/** All of them. */
export const copilotTools = (calls: Calls): CopilotTool[] => TOOLS.map((tool) => copilotTool(tool, calls));

function copilotTool(tool: Tool, calls: Calls): CopilotTool {
  const { name, description } = tool;
  return {
    ...{ name, description },
    parameters: z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' }),
    // Found without a search: a main agent that does not see them does not delegate.
    defer: 'never',
    handler: async (input, { signal = new AbortController().signal }): Promise<ToolResultObject> => {
      const ended = calls.began((input as { action?: unknown } | undefined)?.action === 'wait');
      try {
        const context = await calls.context();
        const result = await callTool(tool, current(context, signal), input);
        // A call that was given up gets no answer, so nothing was told.
        signal.throwIfAborted();
        if ('error' in result) return { textResultForLlm: result.text, resultType: 'failure' };
        const announced = result.announced ?? [];
        context.inbox.tell(announced);
        if (announced.length > 0) calls.told(announced);
        const told = announced.length === 0 ? [] : [toldLine(announced.map(keyOf))];
        return { textResultForLlm: [result.text, ...told].join('\n'), resultType: 'success' };
      } finally {
        ended();
      }
    },
  };
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
