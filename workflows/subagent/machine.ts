/** The one owner of a subagent's state: events go in, the next action comes out. */
import type { ResolvedSpec } from '../../src/contract/index.ts';
import { decide } from './lifecycle.ts';
import { record } from './occurrences.ts';
import { initialState, rulesOf } from './state.ts';
import type { ActionResult, NextAction, Occurrence } from './events.ts';
import type { SubagentState } from './state.ts';

/** Actions that keep the current attempt at the turn; every other action ends the attempt. */
const GOES_ON: ReadonlySet<NextAction['do']> = new Set(['turn', 'report-stuck', 'report-budget']);

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
    const [state, action] = decide(this.#state, result, rulesOf(this.#state.spec, this.#seed));
    this.#state = GOES_ON.has(action.do) ? state : { ...state, attempt: 'none' };
    this.#action = action;
  }

  /** Applies an occurrence beside the action; the action stays the same. */
  dispatch(occurrence: Occurrence): void {
    this.#state = record(this.#state, occurrence);
  }
}
