/**
 * The tools as they are declared to Copilot CLI. The build writes them to `declarations.json`: Copilot CLI waits for its
 * extensions, and loading what they are made from takes longer than all the rest of joining.
 */
import type { Tool as CopilotTool } from '@github/copilot-sdk';
import { z } from 'zod';
import { TOOLS } from '../tools/index.ts';

export type Declaration = Required<Pick<CopilotTool, 'name' | 'description' | 'defer'>> & {
  readonly parameters: Record<string, unknown>;
};

export const DECLARATIONS: readonly Declaration[] = TOOLS.map(({ name, description, input }) => ({
  ...{ name, description },
  parameters: z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }),
  // Found without a search: a main agent that does not see them does not delegate.
  defer: 'never',
}));
