/** What a caller may bound or set besides the working time: a budget, and what happens when it is silent or unanswered. */
import { z } from 'zod';

const amount = z.number().int().min(1);

/** What a subagent may use; what is left out has no bound. */
export const budget = z.strictObject({
  tokens: amount.optional().describe('tokens in and out together, cached ones included'),
  turns: amount.optional().describe('turns: the task is one, and so is every repair, answer or late steer'),
  modelRequests: amount.optional().describe('model calls that were answered'),
});
export type Budget = z.infer<typeof budget>;

/** Share of a budget at which it is announced. */
export const BUDGET_NOTICE_SHARE = 0.8;

/** What is done about a subagent that is stuck: announce it; announce it and send it a message; announce and kill it. */
export const onStuck = z.enum(['report', 'nudge', 'kill']);
export type OnStuck = z.infer<typeof onStuck>;
