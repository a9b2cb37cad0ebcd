import { z } from 'zod';
import { approval } from '../outcome/approval.ts';
import { remains } from '../protocol/messages.ts';
import { diffStat, outcome, sweepReport } from '../outcome/outcome.ts';
import { finalStatus } from '../status/status.ts';
import { actedOn, identity } from './identity.ts';

/** An approval that waits for a decision, and the subagent that waits for it. */
export const openApproval = identity.extend(approval.shape);

/** What a kill did. */
export const killReport = identity.extend({
  status: finalStatus.describe(
    'killed; lost after a kill by force; another status when the subagent ended by itself first',
  ),
  sweep: sweepReport
    .optional()
    .describe('the proof of death; absent when the subagent never had a worker, or is lost'),
  outcome,
});

/** The changes of a subagent. */
export const subagentDiff = actedOn.extend({
  live: z
    .boolean()
    .describe('the subagent is live: the text is of its folder, with uncommitted and new files'),
  repository: z.string(),
  branch: z.string().nullable(),
  base: z.string().describe('the commit that the diff starts from'),
  head: z.string().nullable().describe('the commit that the diff ends at; null: the folder as it is'),
  text: z
    .string()
    .describe(
      'output of `git diff` without colour; it contains raw file content: sanitize it before printing it to a terminal',
    ),
  truncated: z.boolean().describe('whether the text was cut at the maximum size'),
  notes: z.array(z.string()).describe('what a reader must know, for example that the branch is gone'),
});

/** What a merge did. */
export const mergeReport = actedOn.extend({
  how: z
    .enum(['fast-forward', 'merge', 'squash', 'already-merged'])
    .describe('already-merged: there was nothing to do'),
  into: z.string().describe('the branch that was merged into, in `checkout`'),
  checkout: z.string(),
  repository: z.string(),
  branch: z.string().nullable().describe('the subagent’s branch'),
  merged: z.string().describe('the commit of the subagent’s branch that was merged'),
  before: z.string().describe('the tip of `into` before the merge'),
  commit: z.string().describe('the tip of `into` after the merge'),
  diffStat,
});

/** What a clean did for one run. If nothing of the run was left, nothing is removed and nothing kept. */
export const cleanedRun = identity.extend({
  removed: z.array(remains),
  kept: z.array(
    z.object({
      what: z.enum([...remains.options, 'all']),
      where: z.string().describe('a path, or the name of a branch'),
      why: z.string(),
    }),
  ),
  freedBytes: z.number().int().describe('freed disk space; branches do not count'),
});

/** What a clean removed and kept. */
export const cleanReport = z.object({
  dryRun: z.boolean().describe('nothing was removed: this is what a clean would remove'),
  runs: z
    .array(cleanedRun)
    .describe('in the order of the targets; a run with nothing removed and nothing kept had nothing left'),
  freedBytes: z.number().int(),
});
