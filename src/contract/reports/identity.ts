import { z } from 'zod';
import { ERROR_CODES } from '../errors.ts';
import type { SubagentIdentity } from './types.ts';

/** The names of one run of a subagent. */
export const identity = z.object({
  session: z.string(),
  label: z.string(),
  run: z.number().int().describe('1 for the first subagent of this label'),
  workflowId: z.string(),
  runId: z.string().describe('the first execution run id of its workflow'),
});

/** The names of `run`, and nothing else that it has. */
export const runIdentity = ({
  session,
  label,
  run,
  workflowId,
  runId,
}: SubagentIdentity): SubagentIdentity => ({
  session,
  label,
  run,
  workflowId,
  runId,
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
