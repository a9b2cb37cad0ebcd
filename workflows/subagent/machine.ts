/** The one owner of a subagent's state: events go in, the next action comes out. */
import type { ResolvedSpec } from '../../src/contract/index.ts';
import { decide } from './lifecycle.ts';
import { record } from './occurrences.ts';
import { initialState, rulesOf } from './state.ts';
import type { ActionResult, NextAction, Occurrence } from './events.ts';
import type { SubagentState } from './state.ts';

/** The actions during which an attempt at the turn stays what it is; every other gives it up. */
const GOES_ON: ReadonlySet<NextAction['do']> = new Set(['turn', 'report-stuck', 'report-budget']);

export class SubagentMachine {
  #state: SubagentState;
  #action: NextAction = { do: 'prepare' };
  readonly #seed: number;

  /** @param seed spreads its pauses, so that many subagents do not come back at the same moment */
  constructor(spec: ResolvedSpec, seed: number) {
    this.#state = initialState(spec);
    this.#seed = seed;
  }

  /** The state now. It is replaced with each event, never changed. */
  get state(): SubagentState {
    return this.#state;
  }

  /** What is to be done now. */
  get action(): NextAction {
    return this.#action;
  }

  /** Takes the result of the action, and decides on the next. */
  advance(result: ActionResult): void {
    const [state, action] = decide(this.#state, result, rulesOf(this.#state.spec, this.#seed));
    this.#state = GOES_ON.has(action.do) ? state : { ...state, attempt: 'none' };
    this.#action = action;
  }

  /** Takes what happened beside the action, which stays what is to be done. */
  dispatch(occurrence: Occurrence): void {
    this.#state = record(this.#state, occurrence);
  }
}
