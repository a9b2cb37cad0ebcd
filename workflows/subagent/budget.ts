/** A subagent's budget, and how much of it is used. */
import {
  addUsage,
  BUDGET_NOTICE_SHARE,
  type Allowance,
  type Budget,
  type TurnInput,
  type Usage,
} from '../../src/contract/index.ts';
import type { SubagentState, PlannedEnd } from './state.ts';

const DIMENSIONS = ['tokens', 'turns', 'modelRequests'] as const;
/** A quantity that a budget limits. */
export type Dimension = (typeof DIMENSIONS)[number];

const WORDS: Readonly<Record<Dimension, string>> = {
  tokens: 'tokens',
  turns: 'turns',
  modelRequests: 'model requests',
};

type Used = Readonly<Record<Dimension, number>>;

/**
 * How much turn `state.turn` may use until it is over budget, and until that is announced; `undefined` if no such limit
 * is set.
 */
export function allowance(state: SubagentState, budget: Budget | undefined): TurnInput['budget'] {
  if (budget?.tokens === undefined && budget?.modelRequests === undefined) return undefined;
  const used = usedUp(state.usage, 0);
  const within = (dimension: 'tokens' | 'modelRequests', share: number): Allowance => {
    const bound = budget[dimension];
    if (bound === undefined || (share < 1 && state.noticed.includes(dimension))) return {};
    return { [dimension]: Math.max(0, Math.ceil(bound * share) - used[dimension]) };
  };
  const both = (share: number): Allowance => ({
    ...within('tokens', share),
    ...within('modelRequests', share),
  });
  return { left: both(1), noticeAt: both(BUDGET_NOTICE_SHARE) };
}

/** The end of a subagent that has used up its budget after `turns` turns; `undefined` while budget is left. */
export function overBudget(
  usage: Usage,
  turns: number,
  budget: Budget | undefined,
): (PlannedEnd & { readonly status: 'over-budget' }) | undefined {
  const spent = exceeded(usedUp(usage, turns), budget, 1);
  if (budget === undefined || spent.length === 0) return undefined;
  return {
    status: 'over-budget',
    failure: {
      class: 'budget',
      message: `its budget is used up: ${usageShareText(spent, usedUp(usage, turns), budget)}`,
      remedy: 'its work is on its branch; give a larger budget or a smaller task',
    },
  };
}

/**
 * The dimensions that are nearly used up and not yet announced, with a text; `undefined` if there are none. `turns`
 * have ended.
 */
export function nearBudget(
  state: SubagentState,
  turnUsage: Usage | undefined,
  turns: number,
  budget: Budget | undefined,
): { readonly noticed: readonly Dimension[]; readonly words: string } | undefined {
  const used = usedUp(turnUsage ? addUsage(state.usage, turnUsage) : state.usage, turns);
  const near = exceeded(used, budget, BUDGET_NOTICE_SHARE).filter((each) => !state.noticed.includes(each));
  if (budget === undefined || near.length === 0) return undefined;
  return { noticed: [...state.noticed, ...near], words: usageShareText(near, used, budget) };
}

function usedUp(usage: Usage, turns: number): Used {
  return { tokens: usage.inputTokens + usage.outputTokens, turns, modelRequests: usage.modelRequests };
}

function exceeded(used: Used, budget: Budget | undefined, share: number): Dimension[] {
  return DIMENSIONS.filter((each) => {
    const bound = budget?.[each];
    return bound !== undefined && used[each] >= Math.ceil(bound * share);
  });
}

function usageShareText(dimensions: readonly Dimension[], used: Used, budget: Budget): string {
  return dimensions.map((each) => `${used[each]} of ${budget[each]} ${WORDS[each]}`).join(', ');
}
