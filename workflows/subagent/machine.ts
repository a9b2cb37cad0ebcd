/** The one owner of a subagent's state: events go in, the next action comes out. */
import type { ResolvedSpec } from '../../src/contract/index.ts';
import { decideNextAction } from './lifecycle.ts';
import { applyOccurrence } from './occurrences.ts';
import { initialState, rulesOf } from './state.ts';
import type { ActionResult, NextAction, Occurrence } from './events.ts';
import type { SubagentState } from './state.ts';

/** Actions that keep the current attempt at the turn; every other action ends the attempt. */
const KEEPS_ATTEMPT: ReadonlySet<NextAction['do']> = new Set(['turn', 'report-stuck', 'report-budget']);

export class SubagentMachine {
  #state: SubagentState;
  #action: NextAction = { do: 'prepare' };
  readonly #seed: number;

  /** @param seed spreads pauses, so that many subagents do not retry at the same moment */
  constructor(spec: ResolvedSpec, seed: number) {
    this.#state = initialState(spec);
    this.#seed = seed;
  }

  /** The current state, which each event replaces and none mutates. */
  get state(): SubagentState {
    return this.#state;
  }

  /** The action to run now. */
  get action(): NextAction {
    return this.#action;
  }

  /** Applies the result of the action, and decides the next one. */
  advance(result: ActionResult): void {
    const [state, action] = decideNextAction(this.#state, result, rulesOf(this.#state.spec, this.#seed));
    this.#state = KEEPS_ATTEMPT.has(action.do) ? state : { ...state, attempt: 'none' };
    this.#action = action;
  }

  /** Applies an occurrence beside the action; the action stays the same. */
  dispatch(occurrence: Occurrence): void {
    this.#state = applyOccurrence(this.#state, occurrence);
  }
}
