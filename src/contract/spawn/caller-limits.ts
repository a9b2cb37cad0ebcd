/** Limits that a caller may set besides the working time: a budget, and the handling of stuck subagents. */
import { z } from 'zod';
import { optionText, SPAWN_OPTIONS } from './spawn-options.ts';

const amount = z.number().int().min(1);

/** What a subagent may use. An omitted amount has no limit. */
export const budget = z.strictObject({
  tokens: amount.optional().describe(optionText('budget.tokens')),
  turns: amount.optional().describe(optionText('budget.turns')),
  modelRequests: amount.optional().describe(optionText('budget.modelRequests')),
});
export type Budget = z.infer<typeof budget>;

/** The share of a budget at which its use is announced. */
export const BUDGET_NOTICE_SHARE = 0.8;

/** Number of equal calls in a row that count as a repetition. */
export const stuckRepeats = z.number().int().min(3).max(10_000);

/** Reaction to a stuck subagent: announce it; announce it and send it a message; announce and kill it. */
export const onStuck = z.enum(SPAWN_OPTIONS.onStuck.choices);
export type OnStuck = z.infer<typeof onStuck>;
