import { z } from 'zod';

/** The result of one check of `doctor`. */
export const check = z.object({
  name: z.string(),
  result: z.enum(['ok', 'warn', 'fail']),
  detail: z.string().describe('what was found'),
  remedy: z.string().optional().describe('what to do now; with every result but `ok`'),
});

/** What a worker of a pool found out about itself. */
export const poolCheck = z.object({
  pool: z.string(),
  workerId: z.string().describe('the worker that looked; the others of the pool may differ'),
  host: z.string(),
  ok: z.boolean().describe('no check failed'),
  checks: z.array(check),
});
