import { z } from 'zod';
import { caveatKinds } from './caveat.ts';
import { finalStatus } from './status.ts';

/** Where a step of a chain is: `waiting` for what it needs or for its turn, `live`, ended like its subagent, or `skipped`. */
const stepStatus = z.union([z.enum(['waiting', 'live', 'skipped']), finalStatus]);
export type StepStatus = z.infer<typeof stepStatus>;

/** One subagent of a chain, or a step that has none yet. */
export const stepView = z.object({
  id: z.string().describe('the step; of a forEach with its index, for example fix-2'),
  step: z.string().optional().describe('the step itself: of a forEach the same for all its subagents'),
  label: z.string().describe('of its subagent'),
  needs: z.array(z.string()),
  status: stepStatus,
  run: z.number().int().optional(),
  workflowId: z.string().optional(),
  runId: z.string().optional(),
  branch: z.string().nullable().optional(),
  head: z.string().optional(),
  caveats: caveatKinds.optional(),
  startedAt: z.string().optional().describe('ISO 8601, of one that has started'),
  totalMs: z.number().int().optional().describe('of one that has ended: from its start to its end'),
  tokens: z.number().int().optional().describe('of one that has ended: in and out together'),
  summary: z.string().optional().describe('how it ended, or why it was skipped'),
});
export type StepView = z.infer<typeof stepView>;
