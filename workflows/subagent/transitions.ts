/** The decisions that several others end in: a turn, or an end. */
import { nearBudget, overBudget } from './budget.ts';
import type { NextAction } from './events.ts';
import { FRESH_TURN, type Opening, type Rules, type SubagentState, type PlannedEnd } from './state.ts';

/** A new turn: it takes what is held with it. */
export function openTurn(
  state: SubagentState,
  opening: Opening,
  slot: 'keep' | 'reacquire',
  rules: Rules,
): [SubagentState, NextAction] {
  // While calls wait for their answers Copilot takes no other message: steers stay held for the turn after.
  const [steers, held] = opening.kind === 'answers' ? [[], state.held] : [state.held, []];
  const spent = overBudget(state.usage, state.turn, rules.budget);
  if (spent) return conclude(state, spent);
  const opened: SubagentState = {
    ...state,
    turn: state.turn + 1,
    opening,
    steers,
    held,
    ...FRESH_TURN,
  };
  const near = nearBudget(state, undefined, state.turn, rules.budget);
  if (near)
    return [
      { ...opened, noticed: near.noticed },
      { do: 'report-budget', summary: near.words },
    ];
  return attemptTurn(opened, slot, rules);
}

/** An attempt at the current turn, while working time is left. */
export function attemptTurn(
  state: SubagentState,
  slot: 'keep' | 'reacquire',
  rules: Rules,
): [SubagentState, NextAction] {
  if (state.workedMs >= rules.timeoutMs) return conclude(state, { status: 'timed-out' });
  return [state, { do: 'turn', slot }];
}

/** The end is decided; what was done is still collected first. */
export function conclude(state: SubagentState, verdict: PlannedEnd): [SubagentState, NextAction] {
  return [{ ...state, verdict }, { do: 'collect' }];
}

/** The end. */
export function end(state: SubagentState, verdict: PlannedEnd): [SubagentState, NextAction] {
  return [
    { ...state, verdict },
    { do: 'end', verdict },
  ];
}
