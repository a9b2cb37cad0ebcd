/** The input of an attempt at a turn, how long the attempt worked, and the state it leaves. */
import {
  DEFAULT_STUCK_REPEATS,
  HEARTBEAT_TIMEOUT_MS,
  MAX_OUTPUT_BYTES,
  type PolicyLayer,
  type ResolvedSpec,
  type TurnInput,
  type TurnResult,
} from '../../src/contract/index.ts';
import { handoverPrompt, promptOf } from '../../src/prompts/index.ts';
import { MAX_TURN_FAILURES } from './after-turn.ts';
import { allowance } from './budget.ts';
import type { SubagentState } from './state.ts';

/** The input of the next attempt, except for where it works. */
export function turnInput(state: SubagentState): Omit<TurnInput, 'subagent' | 'cwd' | 'base' | 'env'> {
  const { spec } = state;
  const budget = allowance(state, spec.budget);
  return {
    turn: state.turn,
    ...opening(state),
    ...(spec.model !== undefined && { model: spec.model }),
    ...(spec.thinking && { thinking: spec.thinking }),
    permissions: spec.permissions,
    ...policiesOf(spec),
    ...(spec.trustRepo && { trustRepo: true }),
    ...(spec.sandbox && { sandbox: true }),
    ...(state.approvals.kinds.length > 0 && { approvedKinds: state.approvals.kinds }),
    budgetMs: Math.max(1, spec.timeoutMs - state.workedMs),
    stuckAfterMs: spec.stuckAfterMs * 2 ** Math.min(state.stalls, 8),
    isolation: spec.isolation,
    stuckRepeats: (spec.stuckRepeats ?? DEFAULT_STUCK_REPEATS) * 2 ** Math.min(state.stalls, 8),
    ...(state.stalled && { stalled: state.stalled.reason === 'repeating' ? 'repeating' : 'silent' }),
    ...(spec.hungAfterMs !== undefined && { hungAfterMs: spec.hungAfterMs }),
    ...(state.silentSince !== undefined && { silentSince: state.silentSince }),
    ...(budget && { budget }),
    ...(spec.output && { maxReport: MAX_OUTPUT_BYTES + 1 }),
    // The last one, unless it makes progress.
    ...(state.failures === MAX_TURN_FAILURES - 1 && { lastAttempt: true }),
    lostBefore: state.lost,
  };
}

/** The policies that a spawn came with. The worker adds its own. */
function policiesOf({ repositoryPolicy, policy }: ResolvedSpec): Pick<TurnInput, 'policies'> {
  const policies: PolicyLayer[] = [
    ...(repositoryPolicy ? [{ layer: 'repository' as const, policy: repositoryPolicy }] : []),
    ...(policy ? [{ layer: 'spawn' as const, policy }] : []),
  ];
  return policies.length > 0 ? { policies } : {};
}

/** What opens the turn, in the existing conversation or in a new one. */
function opening(
  state: SubagentState,
): Pick<TurnInput, 'prompt' | 'answers' | 'decisions' | 'newConversation'> {
  const { opening, steers, held, handover, turn, steerLog, workspace } = state;
  const { task, continues } = state.spec;
  // A continued subagent needs a new conversation if that of the earlier run cannot be used.
  const newConversation = workspace?.newConversation === true;
  const first = continues && newConversation ? `${continues.handover}\n\n${task}` : task;
  if (handover !== undefined) {
    const opened = new Set([...steers, ...held].map(({ id }) => id));
    const said = steerLog.filter(({ id }) => !opened.has(id));
    const prompt = handoverPrompt({ opening, steers, shown: handover }, first, said);
    return { prompt, newConversation: true };
  }
  return {
    prompt: promptOf(opening, first, steers),
    ...(opening.kind === 'answers' && {
      answers: opening.answers,
      ...(opening.decisions.length > 0 && { decisions: opening.decisions }),
    }),
    ...(turn === 1 && newConversation && { newConversation: true }),
  };
}

/** The state of an attempt after its result. An attempt that only reports leaves its turn running in Copilot. */
export function attemptAfterResult({ kind }: TurnResult): SubagentState['attempt'] {
  if (kind === 'lost' || kind === 'interrupted') return 'lost';
  return kind === 'stuck' || kind === 'moving' || kind === 'near-budget' ? 'running' : 'none';
}

/** How long an attempt worked that was over after `elapsedMs`. A lost attempt counts up to its last heartbeat. */
export function workFolder(result: TurnResult, elapsedMs: number): number {
  if (result.kind !== 'lost') return Math.min(elapsedMs, result.workedMs ?? elapsedMs);
  // Without a heartbeat, the attempt can have worked only until its silence was noticed.
  return Math.min(elapsedMs, result.last?.workedMs ?? HEARTBEAT_TIMEOUT_MS);
}
