import { z } from 'zod';
import { ERROR_CODES } from '../errors.ts';

/** The names of one run of a subagent. */
export const identity = z.object({
  session: z.string(),
  label: z.string(),
  run: z.number().int().describe('1 for the first subagent of this label'),
  workflowId: z.string(),
  runId: z.string().describe('the first execution run id of its workflow'),
});

/** What names the run in the report of an action on it. */
export const actedOn = identity.pick({ session: true, label: true, run: true });

/** An error, as every face reports it. */
export const errorReport = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  remedy: z.string().optional().describe('what to do now'),
});

/** Notes on a report. */
export const notes = z
  .array(z.string())
  .describe('what a reader must know, for example that no worker polls and how to start one');
