/** Whether a running turn is over, from its state and the clock alone. */
import type { LiveTurn } from './live-turn.ts';

export interface Limits {
  /** When the turn's working time is used up, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Silence after which the turn is called stuck. */
  readonly stuckAfterMs: number;
  /** Silence of a model call after which it is given up as hung. */
  readonly hungModelMs: number;
  /** When this attempt took the turn up: silence from before does not count again. */
  readonly since: number;
}

export type Verdict =
  | 'finished'
  | 'failed'
  | 'question'
  | 'timed-out'
  | 'stuck'
  /** The model does not answer: interrupt the call. */
  | 'hung'
  /** The model's call was interrupted: let it go on. */
  | 'interrupted'
  /** It gave its final message; what it left in the background keeps it from ending. */
  | 'left-background';

/** Messages on their way into a resting session arrive within milliseconds. One that does not is not waited for. */
const MAX_ARRIVAL_MS = 10_000;

/** What is to be done about the turn; `undefined` while it is to be left alone. */
export function judge(
  turn: Pick<LiveTurn, 'state' | 'receiving' | 'lastEventAt'>,
  now: number,
  limits: Limits,
): Verdict | undefined {
  const { state } = turn;
  const silentMs = now - Math.max(turn.lastEventAt, limits.since);
  // A message that comes while it ends still belongs to it: it is let in first.
  if (state.idle && (!turn.receiving || silentMs > MAX_ARRIVAL_MS)) {
    if (state.aborted) return 'interrupted';
    return state.error === undefined ? 'finished' : 'failed';
  }
  if (state.asks) return 'question';
  const done = state.resting && state.lastReport !== undefined;
  if (now >= limits.deadline) return done ? 'left-background' : 'timed-out';
  if (state.looping && state.openTools.size === 0 && silentMs >= limits.hungModelMs) return 'hung';
  // A command in the background may be one that the model waits for: as long as it says something, it may go on.
  if (silentMs >= limits.stuckAfterMs) return done ? 'left-background' : 'stuck';
  return undefined;
}
