/** Decides whether a running turn is over, from its state and the clock alone. */
import type { Allowance, Usage } from '../../contract/index.ts';
import type { LiveTurn } from './live-turn.ts';

/** The limits by which a running turn is judged. */
export interface TurnLimits {
  /** When the turn's working time is used up, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Milliseconds of silence after which the turn is stuck. */
  readonly stuckAfterMs: number;
  /**
   * `start`: the repetition that was already checked for file changes; `at`: how many of its calls make the turn
   * repeating.
   */
  readonly repeats?: { readonly start: number | undefined; readonly at: number };
  /** Whether a turn that stalled before this attempt moves again; absent if it had not stalled. */
  readonly moves?: (() => boolean) | undefined;
  /** Milliseconds of silence after which a model call counts as hung. */
  readonly hungModelMs: number;
  /** When this attempt began, in milliseconds since the epoch: earlier silence does not count again. */
  readonly since: number;
  /** What the turn may use in total, and at which usage to announce that. */
  readonly budget?: { readonly left: Allowance; readonly noticeAt: Allowance } | undefined;
}

/** What to do about a running turn. */
export type TurnVerdict =
  | 'finished'
  | 'failed'
  | 'question'
  | 'timed-out'
  | 'stuck'
  /** Its calls repeat: check whether files changed. */
  | 'repeating'
  /** The turn had stalled, and moves again. */
  | 'moving'
  | 'near-budget'
  | 'over-budget'
  /** The model does not answer: interrupt the call. */
  | 'hung'
  /** The model call was interrupted: let it continue. */
  | 'interrupted'
  /** The final message is there, but background work keeps the turn from ending. */
  | 'left-background';

/** Messages arrive in a resting session within milliseconds; after this many the turn does not wait for one. */
const MAX_ARRIVAL_MS = 10_000;
/** This many equal calls in a row trigger the first check of a repetition. */
const LOOK_AT_REPEATS = 3;
/** `session.idle` follows the loop's rest within this many milliseconds, unless background work runs. */
const DRAINED_MS = 1_000;

/** What to do about the turn; `undefined` to let it run. */
export function judgeTurn(
  turn: Pick<LiveTurn, 'state' | 'isDelivering' | 'lastEventAt' | 'lastProgressAt' | 'lastIdleAt'>,
  now: number,
  limits: TurnLimits,
): TurnVerdict | undefined {
  const { state } = turn;
  const silentMs = now - Math.max(turn.lastEventAt, limits.since);
  const restingMs = now - turn.lastProgressAt;
  const restedMs = now - turn.lastIdleAt;
  // Background work keeps the session from becoming idle, and does not restart the loop.
  const broken = state.error !== undefined || state.aborted;
  const stopped = !state.isSessionIdle && state.isLoopIdle && broken && restedMs > DRAINED_MS;
  // A message that arrives while the turn ends still belongs to the turn, so it is let in first.
  const arrivalMs = stopped ? restedMs : restingMs;
  if ((state.isSessionIdle || stopped) && (!turn.isDelivering || arrivalMs > MAX_ARRIVAL_MS)) {
    if (state.aborted) return 'interrupted';
    return state.error === undefined ? 'finished' : 'failed';
  }
  // A final message is not discarded for the budget, because its tokens are already spent.
  if (!state.isModelAnswering && state.report === undefined && limits.budget !== undefined) {
    if (reaches(state.usage, limits.budget.left)) return 'over-budget';
    if (reaches(state.usage, limits.budget.noticeAt)) return 'near-budget';
  }
  if (state.isWaitingForAnswers) return 'question';
  if (limits.moves?.() === true) return 'moving';
  const done = state.isLoopIdle && state.lastReport !== undefined;
  if (now >= limits.deadline) return done ? 'left-background' : 'timed-out';
  if (state.isLoopRunning && state.openTools.size === 0 && restingMs >= limits.hungModelMs) return 'hung';
  if (limits.repeats && !done) {
    const { start, count } = state.repeats.current;
    if (count >= (start === limits.repeats.start ? limits.repeats.at : LOOK_AT_REPEATS)) return 'repeating';
  }
  // The model may wait for a background command: the turn goes on as long as there are signs of life.
  if (silentMs >= limits.stuckAfterMs) return done ? 'left-background' : 'stuck';
  return undefined;
}

function reaches(usage: Usage, { tokens = Infinity, modelRequests = Infinity }: Allowance): boolean {
  return usage.inputTokens + usage.outputTokens >= tokens || usage.modelRequests >= modelRequests;
}
