import { check } from '../contract/index.ts';
import { badInput, toolFailure } from './failure.ts';
import type { Tool, ToolContext, ToolFailure, ToolResult } from './tool.ts';

/** Calls a tool with arguments as a model wrote them. Nothing is thrown but the reason of `context.signal`. */
export async function callTool(
  tool: Tool,
  context: ToolContext,
  input: unknown,
): Promise<ToolResult | ToolFailure> {
  try {
    const given = input ?? {};
    const parsed = check(tool.input, given);
    if (!parsed.success) throw badInput(tool, parsed.error);
    // As it was written: the library parses a spec again, and not every field stands that twice.
    return await tool.handle(context, given as Record<string, unknown>);
  } catch (error) {
    context.signal.throwIfAborted();
    return toolFailure(error);
  }
}
