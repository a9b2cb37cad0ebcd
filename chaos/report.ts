/** The output of a chaos run. */
import { z } from 'zod';

/** Something that was lost, or that should not exist. */
const loss = z.strictObject({
  check: z.string(),
  label: z.string().optional().describe('the subagent'),
  what: z.string(),
  where: z.string().optional().describe('where to look: a workflow, a file, a command'),
});
export type Loss = z.infer<typeof loss>;

/** One row of the table. */
const row = z.strictObject({
  name: z.string(),
  expected: z.number().optional(),
  got: z.number(),
  /** Losses in this row; 0 if the row is only informative. */
  lost: z.number().int(),
  unit: z.string().optional(),
});
export type Row = z.infer<typeof row>;

const struck = z.strictObject({
  at: z.number().describe('planned: share of the model calls of a run without strikes'),
  part: z.string(),
  way: z.string(),
  worker: z.number().int(),
  forMs: z.number().int(),
  afterMs: z.number().optional(),
  hit: z.boolean().describe('false: what it was meant for was not up, or the run was over'),
});

/** The JSON output of `--json`. */
export const report = z.strictObject({
  seed: z.number().int(),
  subagents: z.number().int(),
  workers: z.number().int(),
  durationMs: z.number().int(),
  strikes: z.array(struck),
  rows: z.array(row),
  losses: z.array(loss),
  errors: z.record(z.string(), z.number()).describe('of calls that were tried again, by code'),
  folder: z.string().optional().describe('what is kept of the run'),
});
export type Report = z.infer<typeof report>;
