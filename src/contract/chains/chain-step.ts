import { z } from 'zod';
import { caveatKinds } from '../outcome/caveat.ts';
import { finalStatus } from '../status/status.ts';

/**
 * Status of a step: `waiting` for steps that it needs or for `maxConcurrent`, `live`, `skipped`, or that of its ended
 * subagent.
 */
const stepStatus = z.union([z.enum(['waiting', 'live', 'skipped']), finalStatus]);
export type StepStatus = z.infer<typeof stepStatus>;

/** A subagent of a chain, or a step that has no subagent yet. */
export const stepView = z.object({
  id: z.string().describe('id of the step; with forEach it ends in an index, for example fix-2'),
  step: z
    .string()
    .optional()
    .describe('id of the step as declared; with forEach all subagents have the same'),
  label: z.string().describe('label of its subagent'),
  needs: z.array(z.string()),
  status: stepStatus,
  run: z.number().int().optional(),
  workflowId: z.string().optional(),
  runId: z.string().optional(),
  branch: z.string().nullable().optional(),
  head: z.string().optional(),
  caveats: caveatKinds.optional(),
  startedAt: z.string().optional().describe('ISO 8601; absent until it has started'),
  totalMs: z.number().int().optional().describe('time from start to end; absent until it has ended'),
  tokens: z.number().int().optional().describe('input and output tokens together; absent until it has ended'),
  summary: z.string().optional().describe('how it ended, or why it was skipped'),
});
