import { validate } from '../contract/index.ts';
import { badInput, toolFailure } from './failure.ts';
import type { Tool, ToolContext, ToolFailure, ToolResult } from './tool.ts';

/** Calls a tool with unchecked arguments from a model. @throws only the reason of `context.signal` */
export async function callTool(
  tool: Tool,
  context: ToolContext,
  input: unknown,
): Promise<ToolResult | ToolFailure> {
  try {
    const given = input ?? {};
    const parsed = validate(tool.input, given);
    if (!parsed.success) throw badInput(tool, parsed.error);
    // The handler gets the unparsed input: the library parses a spec again, and not every field can be parsed twice.
    return await tool.handle(context, given as Record<string, unknown>);
  } catch (error) {
    context.signal.throwIfAborted();
    return toolFailure(error);
  }
}
