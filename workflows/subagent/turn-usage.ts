/** What a turn has used: each attempt gives an account of it, and it is counted once. */
import { addUsage, mergeDenials, type Spent } from '../../src/contract/index.ts';
import type { SubagentState } from './state.ts';

type Account = { readonly [key in keyof Spent]: Spent[key] | undefined } & Pick<Spent, 'usage'>;

/** Keeps an account of the current turn, which goes on; one that knows of less than an earlier one says nothing new. */
export function recordPendingUsage(state: SubagentState, account: Account | undefined): SubagentState {
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

/** Counts what is left to count of a turn of which there will be no other account than `last`. */
export function flushUsage(state: SubagentState, last?: Spent): SubagentState {
  const owing = recordPendingUsage(state, last);
  return owing.pendingUsage ? countUsage(owing, owing.pendingUsage) : owing;
}

/** Counts what a turn used and what was denied to it, and notes the model that it used. */
export function countUsage(
  state: SubagentState,
  { usage, model = state.model, denials = [], loaded = state.loaded }: Spent,
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
