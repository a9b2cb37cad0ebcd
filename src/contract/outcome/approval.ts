/** Tool calls that a policy lets a person decide on, and the decisions. */
import { z } from 'zod';

/** A tool call that is not made before it is approved. */
export const approval = z.object({
  id: z.string().describe('unique among all runs; a decision names it'),
  tool: z.string().describe('the tool that the model calls, for example bash'),
  what: z.string().describe('the command, the path or the address on one line, cut short; text from a model'),
  rule: z.string().optional().describe('the rule that asks'),
  layer: z.string().optional().describe('where that rule is from'),
  reason: z.string().optional().describe('why the rule asks, in the words of its author'),
  always: z
    .string()
    .optional()
    .describe('the calls that an approval of the kind covers; absent if only this call can be approved'),
  at: z.iso.datetime().describe('when it was asked'),
});

/** How an approval ended: each decision, and what it means. */
export const APPROVAL_DECISIONS = {
  approved: 'this call was approved',
  'approved-always': 'this call was approved, and with it all calls of its kind in this run',
  rejected: 'this call was rejected',
  expired: 'nobody decided in time, so this call was rejected',
  withdrawn: 'the subagent ended before anybody decided',
} as const;

/** An approval that was decided, or is over without a decision. */
export const decidedApproval = approval.extend({
  decision: z.enum(
    Object.keys(APPROVAL_DECISIONS) as [
      keyof typeof APPROVAL_DECISIONS,
      ...(keyof typeof APPROVAL_DECISIONS)[],
    ],
  ),
  decidedAt: z.iso.datetime(),
  by: z.string().optional().describe('the identity of the caller that decided, as in the audit'),
  why: z.string().optional().describe('the words of the decision'),
});
export type ApprovalDecision = z.infer<typeof decidedApproval>['decision'];

/** Whether a decision lets the call be made. */
export const isApproved = (decision: ApprovalDecision): boolean =>
  decision === 'approved' || decision === 'approved-always';
