import { z } from 'zod';
import { identity } from './identity.ts';

/** A spawn that was accepted: its workflow has started. */
export const spawnAccepted = z.object({
  status: z.literal('accepted'),
  ...identity.pick({ label: true, run: true, workflowId: true, runId: true }).shape,
  notes: z
    .array(z.string())
    .describe('what the caller should know, for example that uncommitted changes are left out'),
  repeated: z
    .literal(true)
    .optional()
    .describe('an equal request was accepted before and what it started is live: nothing new was started'),
});

/** A spawn that the session refused: nothing has started. */
export const spawnRefused = z.object({
  status: z.literal('refused'),
  label: z.string(),
  code: z.string(),
  reason: z.string(),
  remedy: z.string().optional().describe('what to do now'),
});
