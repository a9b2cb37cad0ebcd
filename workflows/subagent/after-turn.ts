/** Decides what to do after an attempt at a turn, based on its result. */
import type { Failure, Lost, TurnFailureClass, TurnResult } from '../../src/contract/index.ts';
import { backoff, credentialsPause, limitPause, workerCheckPause } from '../shared/backoff.ts';
import { nearBudget, overBudget } from './budget.ts';
import type { ActionResult, NextAction } from './events.ts';
import type { SubagentRules, Stall, SubagentState } from './state.ts';
import { attemptTurn, conclude } from './transitions.ts';
import { countUsage, flushUsage, recordPendingUsage } from './turn-usage.ts';

/** Failed attempts of one turn in a row before the subagent fails. */
export const MAX_TURN_FAILURES = 5;
/** Lost attempts of one turn in a row. Stops a turn that kills its worker each time. */
export const MAX_LOSSES_IN_A_ROW = 10;
/** Lost attempts of one turn in total, even with progress in between: a turn may kill its worker in different ways. */
export const MAX_LOSSES = 3 * MAX_LOSSES_IN_A_ROW;
/**
 * A lost turn is resumed at once this often in a row. After that there are pauses, in which its worker can serve
 * others.
 */
const IMMEDIATE_RETRIES = 3;
/** After this much work in an attempt, its loss is not blamed on the turn, and the counters of losses restart. */
const STABLE_AFTER_MS = 10 * 60_000;
/** Pause when the duration of a limit is unknown. */
const MIN_LIMIT_PAUSE_MS = 60_000;

/** Decides after an attempt at a turn. `elapsedMs` is already included in `state.workedMs`. */
export function afterTurn(
  state: SubagentState,
  { result, elapsedMs }: Extract<ActionResult, { type: 'turn' }>,
  rules: SubagentRules,
): [SubagentState, NextAction] {
  if (result.kind === 'lost' || result.kind === 'interrupted') {
    const lasted = elapsedMs > STABLE_AFTER_MS;
    const owing = recordPendingUsage(state, result.kind === 'lost' ? result.last : result);
    return repeatTurn(lasted ? { ...owing, lost: 0, losses: 0 } : owing, result, rules);
  }
  const known: SubagentState = {
    ...state,
    lost: 0,
    stalled: undefined,
    model: result.model ?? state.model,
    loaded: result.loaded ?? state.loaded,
    notes: [...state.notes, ...result.notes],
  };
  switch (result.kind) {
    case 'copilot-session-lost':
      return restartConversation(known, result, rules);
    case 'finished':
      return [
        {
          ...countUsage(known, result),
          failures: 0,
          stalls: 0,
          report: result.report,
          reportChars: result.reportChars,
          cut: result.cut ?? false,
        },
        { do: 'collect' },
      ];
    case 'question':
      return [
        { ...countUsage(known, result), failures: 0, stalls: 0 },
        {
          do: 'ask',
          questions: result.questions.map(({ requestId, question, choices }) => ({
            id: requestId,
            question,
            ...(choices && { choices: [...choices] }),
          })),
          approvals: result.approvals ?? [],
        },
      ];
    case 'stuck':
      return afterStall({ ...recordPendingUsage(known, result), stalls: known.stalls + 1 }, result, rules);
    case 'moving':
      return attemptTurn(recordPendingUsage(known, result), 'keep', rules);
    case 'timed-out':
      return conclude(countUsage(known, result), { status: 'timed-out' });
    case 'near-budget': {
      const near = nearBudget(known, result.usage, known.turn - 1, rules.budget);
      const owing = recordPendingUsage(known, result);
      if (!near) return attemptTurn(owing, 'keep', rules);
      return [
        { ...owing, noticed: near.noticed },
        { do: 'report-budget', summary: near.words },
      ];
    }
    case 'over-budget': {
      const spent = countUsage(known, result);
      return conclude(spent, overBudget(spent.usage, 0, rules.budget) ?? { status: 'over-budget' });
    }
    case 'failed':
      return afterFailure({ ...recordPendingUsage(known, result), stalled: state.stalled }, result, rules);
  }
}

function afterStall(
  state: SubagentState,
  { doing, silentMs, since, repeats }: Extract<TurnResult, { kind: 'stuck' }>,
  { onStuck = 'report' }: SubagentRules,
): [SubagentState, NextAction] {
  // A subagent that waits for something outside is never killed automatically, because that may still arrive.
  const then = onStuck === 'kill' && repeats?.waits === true ? 'report' : onStuck;
  const notes = then === 'kill' ? ['it was killed because it was stuck'] : [];
  const stalled: Stall = repeats
    ? { reason: 'repeating', since, detail: `${repetitionText(repeats)}: ${doing}` }
    : { reason: 'silent', since, detail: `no activity; was doing: ${doing}` };
  return [
    { ...state, stalled, silentSince: undefined, notes: [...state.notes, ...notes] },
    { do: 'report-stuck', doing, silentMs, repeats, then },
  ];
}

/** `20 equal calls in a row with equal results`; for a repeated cycle of calls, also the length of the cycle. */
export function repetitionText({
  count,
  period,
}: {
  readonly count: number;
  readonly period: number;
}): string {
  return period === 1
    ? `${count} equal calls in a row with equal results`
    : `${count} calls in a row, the same ${period} repeated with equal results`;
}

function afterFailure(
  before: SubagentState,
  result: Extract<TurnResult, { kind: 'failed' }>,
  { seed = 0 }: SubagentRules,
): [SubagentState, NextAction] {
  // An attempt that made more progress than the one before restarts the count of failures.
  const further = result.usage.toolCalls > before.toolCallsAtFailure;
  const state: SubagentState = {
    ...before,
    failures: further ? 0 : before.failures,
    waits: further ? 0 : before.waits,
    toolCallsAtFailure: result.usage.toolCalls,
    stalled: {
      reason: result.waitFor ?? 'model',
      since: (further ? undefined : before.stalled?.since) ?? result.lastEventAt,
      detail: result.message,
    },
    silentSince: result.lastEventAt ?? before.silentSince,
  };
  if (result.waitFor !== undefined) {
    const waits = state.waits + 1;
    return [
      // Time spent in a wait does not count as silence.
      { ...state, waits, silentSince: undefined },
      {
        do: 'wait',
        for: result.waitFor,
        ms: waitMs(result, waits, seed),
        why: result.message,
        announce: waits === 1,
      },
    ];
  }
  const failures = state.failures + 1;
  if (result.retryable && failures < MAX_TURN_FAILURES) {
    const ms = result.retryAfterMs ?? backoff(failures, seed);
    return [
      { ...state, failures },
      { do: 'pause', ms, why: result.message },
    ];
  }
  return conclude(countUsage({ ...state, failures }, result), {
    status: 'failed',
    failure: {
      class: failureClassOf(result.class),
      cause: result.class,
      message: result.message,
      ...(result.remedy !== undefined && { remedy: result.remedy }),
    },
  });
}

/** How long a wait lasts in milliseconds, unless it is ended earlier because what it waits for has arrived. */
function waitMs(
  { waitFor, retryAfterMs }: Extract<TurnResult, { kind: 'failed' }>,
  waits: number,
  seed: number,
): number {
  if (waitFor === 'limit') return limitPause(retryAfterMs ?? MIN_LIMIT_PAUSE_MS, waits, seed);
  return waitFor === 'space' ? workerCheckPause(waits - 1) : credentialsPause(waits, seed);
}

function failureClassOf(cause: TurnFailureClass): Failure['class'] {
  if (cause === 'copilot') return 'copilot';
  return cause === 'disk' ? 'workspace' : 'model';
}

/** Repeats the turn in a new conversation, with a hand-over from the one before. */
function restartConversation(
  before: SubagentState,
  { reason, shown }: Extract<TurnResult, { kind: 'copilot-session-lost' }>,
  rules: SubagentRules,
): [SubagentState, NextAction] {
  const failures = before.failures + 1;
  const note = `its Copilot session could not be resumed (${reason}): a new session began in the same workspace, with a hand-over`;
  const state: SubagentState = {
    ...flushUsage(before),
    failures,
    handover: shown,
    notes: [...before.notes, note],
  };
  if (failures < MAX_TURN_FAILURES) return attemptTurn(state, 'keep', rules);
  return conclude(state, {
    status: 'failed',
    failure: {
      class: 'copilot',
      cause: 'copilot',
      message: `its Copilot session could not be resumed, ${failures} times in a row: ${reason}`,
    },
  });
}

/** Repeats the turn. The prompt is sent only if Copilot's event log does not contain it. */
function repeatTurn(
  before: SubagentState,
  result: Extract<TurnResult, { kind: 'lost' | 'interrupted' }>,
  rules: SubagentRules,
): [SubagentState, NextAction] {
  if (result.kind === 'interrupted' || result.notStarted) return attemptTurn(before, 'reacquire', rules);
  const { seed = 0 } = rules;
  const state = afterLoss(before, result);
  const { turn, lost, losses } = state;
  if (lost > MAX_LOSSES_IN_A_ROW || losses > MAX_LOSSES) {
    const times = lost > MAX_LOSSES_IN_A_ROW ? `${lost} times in a row` : `${losses} times`;
    return conclude(state, {
      status: 'failed',
      failure: { class: 'copilot', message: `turn ${turn} was lost ${times}: ${result.reason}` },
    });
  }
  const note = `turn ${turn} was interrupted and resumed: ${result.reason}`;
  const [again, action] = attemptTurn(
    { ...state, notes: [...state.notes, note] },
    result.who === 'worker' ? 'reacquire' : 'keep',
    rules,
  );
  const pauses = Math.max(lost - IMMEDIATE_RETRIES, losses - MAX_LOSSES_IN_A_ROW);
  if (action.do !== 'turn' || pauses <= 0) return [again, action];
  const pause = { ms: backoff(pauses, seed), why: `turn ${turn} was lost ${losses} times: ${result.reason}` };
  return [again, { ...action, pause }];
}

/** Counts a loss. If the turn made progress since the loss before, the count in a row restarts at 1. */
function afterLoss(state: SubagentState, { last }: Lost): SubagentState {
  const done = last ? last.usage.modelRequests + last.usage.toolCalls : 0;
  const ran = last?.tool === undefined ? undefined : last.doing;
  const further = done > state.doneAtLoss && (ran === undefined || ran !== state.ranAtLoss);
  return {
    ...state,
    lost: further ? 1 : state.lost + 1,
    losses: state.losses + 1,
    doneAtLoss: Math.max(done, state.doneAtLoss),
    ranAtLoss: ran ?? state.ranAtLoss,
  };
}
