/** Whether a running turn is over, from its state and the clock alone. */
import type { Allowance, Usage } from '../../contract/index.ts';
import type { LiveTurn } from './live-turn.ts';

export interface Limits {
  /** When the turn's working time is used up, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Silence after which the turn is called stuck. */
  readonly stuckAfterMs: number;
  /** The repetition whose beginning the files were looked at, and how many calls of it make the turn a repeating one. */
  readonly repeats?: { readonly start: number | undefined; readonly at: number };
  /** Whether what stood still before this attempt moves again; absent where nothing did. */
  readonly moves?: (() => boolean) | undefined;
  /** Silence of a model call after which it is given up as hung. */
  readonly hungModelMs: number;
  /** When this attempt took the turn up: silence from before does not count again. */
  readonly since: number;
  /** What the turn may use, and at what it is to be told; from its beginning. */
  readonly budget?: { readonly left: Allowance; readonly noticeAt: Allowance } | undefined;
}

export type Verdict =
  | 'finished'
  | 'failed'
  | 'question'
  | 'timed-out'
  | 'stuck'
  /** It repeats itself, as far as its calls say: look whether files changed. */
  | 'repeating'
  /** It stood still, and moves again. */
  | 'moving'
  | 'near-budget'
  | 'over-budget'
  /** The model does not answer: interrupt the call. */
  | 'hung'
  /** The model's call was interrupted: let it go on. */
  | 'interrupted'
  /** It gave its final message; what it left in the background keeps it from ending. */
  | 'left-background';

/** Messages on their way into a resting session arrive within milliseconds. One that does not is not waited for. */
const MAX_ARRIVAL_MS = 10_000;
/** So many calls in a row are the beginning of what may be a repetition. */
const LOOK_AT_REPEATS = 3;
/** The rest of the loop is followed by the session's within this, unless something of it runs in the background. */
const DRAINED_MS = 1_000;

/** What is to be done about the turn; `undefined` while it is to be left alone. */
export function judge(
  turn: Pick<LiveTurn, 'state' | 'receiving' | 'lastEventAt' | 'lastMovementAt' | 'restedAt'>,
  now: number,
  limits: Limits,
): Verdict | undefined {
  const { state } = turn;
  const silentMs = now - Math.max(turn.lastEventAt, limits.since);
  const restingMs = now - turn.lastMovementAt;
  const restedMs = now - turn.restedAt;
  // What it left in the background keeps the session from being idle, and does not bring the loop back.
  const broken = state.error !== undefined || state.aborted;
  const stopped = !state.idle && state.resting && broken && restedMs > DRAINED_MS;
  // A message that comes while it ends still belongs to it: it is let in first.
  const arrivalMs = stopped ? restedMs : restingMs;
  if ((state.idle || stopped) && (!turn.receiving || arrivalMs > MAX_ARRIVAL_MS)) {
    if (state.aborted) return 'interrupted';
    return state.error === undefined ? 'finished' : 'failed';
  }
  // The last word is let through: what it cost was spent already.
  if (!state.answering && state.report === undefined && limits.budget !== undefined) {
    if (reaches(state.usage, limits.budget.left)) return 'over-budget';
    if (reaches(state.usage, limits.budget.noticeAt)) return 'near-budget';
  }
  if (state.asks) return 'question';
  if (limits.moves?.() === true) return 'moving';
  const done = state.resting && state.lastReport !== undefined;
  if (now >= limits.deadline) return done ? 'left-background' : 'timed-out';
  if (state.looping && state.openTools.size === 0 && restingMs >= limits.hungModelMs) return 'hung';
  if (limits.repeats && !done) {
    const { start, count } = state.repeats.current;
    if (count >= (start === limits.repeats.start ? limits.repeats.at : LOOK_AT_REPEATS)) return 'repeating';
  }
  // A command in the background may be one that the model waits for: as long as it says something, it may go on.
  if (silentMs >= limits.stuckAfterMs) return done ? 'left-background' : 'stuck';
  return undefined;
}

function reaches(usage: Usage, { tokens = Infinity, modelRequests = Infinity }: Allowance): boolean {
  return usage.inputTokens + usage.outputTokens >= tokens || usage.modelRequests >= modelRequests;
}
