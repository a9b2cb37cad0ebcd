/**
 * The tools as declared to Copilot CLI. The build writes them to `declarations.json`, because Copilot CLI waits for its
 * extensions, and loading the schemas would take longer than the rest of joining.
 */
import type { Tool as CopilotTool } from '@github/copilot-sdk';
import { z } from 'zod';
import { TOOLS } from '../tools/index.ts';

/** The declaration of a tool for Copilot CLI. */
export type Declaration = Required<Pick<CopilotTool, 'name' | 'description' | 'defer'>> & {
  readonly parameters: Record<string, unknown>;
};

/** The declarations of all tools. */
export const DECLARATIONS: readonly Declaration[] = TOOLS.map(({ name, description, input }) => ({
  name,
  description,
  parameters: z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }),
  // The model always sees the tools. If it had to search for them, a main agent would not delegate.
  defer: 'never',
}));
