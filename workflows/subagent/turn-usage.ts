/** Usage of a turn: each attempt reports an account of the turn so far, and the turn is counted once. */
import { addUsage, mergeDenials, type TurnUsage } from '../../src/contract/index.ts';
import type { SubagentState } from './state.ts';

type UsageState = { readonly [key in keyof TurnUsage]: TurnUsage[key] | undefined } & Pick<
  TurnUsage,
  'usage'
>;

/**
 * Records an account of the current turn, which goes on. An account with fewer requests than a recorded one is ignored.
 */
export function recordPendingUsage(state: SubagentState, account: UsageState | undefined): SubagentState {
  const { pendingUsage } = state;
  if (account === undefined || account.usage.modelRequests < (pendingUsage?.usage.modelRequests ?? 0))
    return state;
  const {
    usage,
    model = pendingUsage?.model,
    denials = pendingUsage?.denials,
    loaded = pendingUsage?.loaded,
  } = account;
  return {
    ...state,
    pendingUsage: {
      usage,
      ...(model !== undefined && { model }),
      ...(denials && { denials }),
      ...(loaded && { loaded }),
    },
  };
}

/** Counts the pending usage of a turn for which no account will follow `last`. */
export function flushUsage(state: SubagentState, last?: TurnUsage): SubagentState {
  const owing = recordPendingUsage(state, last);
  return owing.pendingUsage ? countUsage(owing, owing.pendingUsage) : owing;
}

/** Counts a turn's usage and denials, and records the model that it used. */
export function countUsage(
  state: SubagentState,
  { usage, model = state.model, denials = [], loaded = state.loaded }: TurnUsage,
): SubagentState {
  return {
    ...state,
    model,
    loaded,
    usage: addUsage(state.usage, usage),
    pendingUsage: undefined,
    denials: mergeDenials([...state.denials, ...denials]),
  };
}
