/** What a caller may bound or set besides the working time: a budget, and what happens when it is silent or unanswered. */
import { z } from 'zod';
import { optionText, SPAWN_OPTIONS } from './spawn-options.ts';

const amount = z.number().int().min(1);

/** What a subagent may use; what is left out has no bound. */
export const budget = z.strictObject({
  tokens: amount.optional().describe(optionText('budget.tokens')),
  turns: amount.optional().describe(optionText('budget.turns')),
  modelRequests: amount.optional().describe(optionText('budget.modelRequests')),
});
export type Budget = z.infer<typeof budget>;

/** Share of a budget at which it is announced. */
export const BUDGET_NOTICE_SHARE = 0.8;

/** Calls in a row that are a repetition. */
export const stuckRepeats = z.number().int().min(3).max(10_000);

/** What is done about a subagent that is stuck: announce it; announce it and send it a message; announce and kill it. */
export const onStuck = z.enum(SPAWN_OPTIONS.onStuck.choices);
export type OnStuck = z.infer<typeof onStuck>;
