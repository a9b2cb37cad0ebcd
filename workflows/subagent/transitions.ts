/** The decisions that several other decisions end in: a turn, or the end. */
import { nearBudget, overBudget } from './budget.ts';
import type { NextAction } from './events.ts';
import { FRESH_TURN, type SubagentRules, type SubagentState, type PlannedEnd } from './state.ts';
import type { Opening } from '../../src/prompts/index.ts';

/** Opens a new turn with the held steers. */
export function openTurn(
  state: SubagentState,
  opening: Opening,
  slot: 'keep' | 'reacquire',
  rules: SubagentRules,
): [SubagentState, NextAction] {
  // While tool calls wait for answers, Copilot accepts no other message, so steers stay held for the turn after.
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

/** Attempts the current turn, if working time is left. */
export function attemptTurn(
  state: SubagentState,
  slot: 'keep' | 'reacquire',
  rules: SubagentRules,
): [SubagentState, NextAction] {
  if (state.workedMs >= rules.timeoutMs) return conclude(state, { status: 'timed-out' });
  return [state, { do: 'turn', slot }];
}

/** Decides the end; the work is still collected first. */
export function conclude(state: SubagentState, verdict: PlannedEnd): [SubagentState, NextAction] {
  return [{ ...state, verdict }, { do: 'collect' }];
}

/** Ends the subagent. */
export function end(state: SubagentState, verdict: PlannedEnd): [SubagentState, NextAction] {
  return [
    { ...state, verdict },
    { do: 'end', verdict },
  ];
}
