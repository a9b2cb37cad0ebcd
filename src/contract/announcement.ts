import { z } from 'zod';
import { MAX_SUMMARY_CHARS } from './limits.ts';
import { status } from './status.ts';

/** What a session tells its main agent. At most 1 KB; the outcome is fetched by reference. */
export const announcement = z.object({
  id: z.string().describe('stable: a receiver that drops ids it has seen sees each announcement once'),
  kind: z.enum(['completed', 'failed', 'killed', 'question', 'stuck', 'worker-away', 'notice']),
  session: z.string(),
  label: z.string(),
  run: z.number().int(),
  workflowId: z.string(),
  runId: z.string().describe('the first execution run id of the subagent workflow'),
  status,
  summary: z.string().max(MAX_SUMMARY_CHARS),
  at: z.string().describe('ISO 8601'),
});
export type Announcement = z.infer<typeof announcement>;
