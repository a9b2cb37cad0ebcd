/** What an attempt at a turn is given, and how long it worked. */
import {
  HEARTBEAT_TIMEOUT_MS,
  MAX_OUTPUT_BYTES,
  type ResolvedSpec,
  type TurnInput,
  type TurnResult,
} from '../src/contract/index.ts';
import { allowance } from './budget.ts';
import type { HeldSteer, Life } from './life.ts';
import { handoverPrompt, promptOf } from './prompt.ts';

interface Conversation {
  /** Steers that the subagent was told. */
  readonly told: readonly HeldSteer[];
  /** Whether the subagent begins one though there is one of the run before. */
  readonly newConversation: boolean;
}

/** What the next attempt is given, but for where it works. */
export function turnInput(
  life: Life,
  spec: ResolvedSpec,
  conversation: Conversation,
): Omit<TurnInput, 'subagent' | 'cwd' | 'base' | 'env'> {
  const budget = allowance(life, spec.budget);
  return {
    turn: life.turn,
    ...opening(life, spec, conversation),
    ...(spec.model !== undefined && { model: spec.model }),
    ...(spec.thinking && { thinking: spec.thinking }),
    permissions: spec.permissions,
    ...(spec.trustRepo && { trustRepo: true }),
    budgetMs: Math.max(1, spec.timeoutMs - life.workedMs),
    stuckAfterMs: spec.stuckAfterMs * 2 ** Math.min(life.stalls, 8),
    ...(spec.hungAfterMs !== undefined && { hungAfterMs: spec.hungAfterMs }),
    ...(life.silentSince !== undefined && { silentSince: life.silentSince }),
    ...(budget && { budget }),
    ...(spec.output && { maxReport: MAX_OUTPUT_BYTES + 1 }),
    lostBefore: life.lost,
  };
}

/** What opens the turn, in the conversation that there is or in a new one. */
function opening(
  { opening, steers, held, handover, turn }: Life,
  { task, continues }: ResolvedSpec,
  { told, newConversation }: Conversation,
): Pick<TurnInput, 'prompt' | 'answers' | 'newConversation'> {
  const first = continues && newConversation ? `${continues.handover}\n\n${task}` : task;
  if (handover !== undefined) {
    const opened = new Set([...steers, ...held].map(({ id }) => id));
    const said = told.filter(({ id }) => !opened.has(id));
    const prompt = handoverPrompt({ opening, steers, shown: handover }, first, said);
    return { prompt, newConversation: true };
  }
  return {
    prompt: promptOf(opening, first, steers),
    ...(opening.kind === 'answers' && { answers: opening.answers }),
    ...(turn === 1 && newConversation && { newConversation: true }),
  };
}

/** How long an attempt worked that was over after `elapsedMs`. Of a lost one that is what it told last. */
export function workIn(result: TurnResult, elapsedMs: number): number {
  if (result.kind !== 'lost') return Math.min(elapsedMs, result.workedMs ?? elapsedMs);
  // Where it told nothing, it can have worked only until its silence was noticed.
  return Math.min(elapsedMs, result.last?.workedMs ?? HEARTBEAT_TIMEOUT_MS);
}
