/** What to do after an attempt at a turn, by its result. */
import type { Lost, TurnResult } from '../src/contract/index.ts';
import { backoff, credentialsPause, limitPause } from './backoff.ts';
import { nearBudget, overBudget } from './budget.ts';
import { owe, settle, spend, type Happened, type Life, type Rules, type Step } from './life.ts';
import { attemptTurn, conclude } from './moves.ts';

/** Failed attempts of one turn in a row that are tried again before the subagent fails. */
export const MAX_TURN_FAILURES = 5;
/** Lost attempts of one turn in a row: a turn that kills its worker each time must not do so for ever. */
export const MAX_LOST_ATTEMPTS = 10;
/** Lost attempts of one turn, however far it came in between: one may kill its worker in ever new ways. */
export const MAX_LOSSES = 3 * MAX_LOST_ATTEMPTS;
/** So often in a row a lost turn is taken up again at once. Then there are pauses, in which its worker is there for others. */
const LOST_AT_ONCE = 3;
/** Work after which a loss is no longer put down to the turn: the row of its losses begins anew. */
const LASTING_MS = 10 * 60_000;
/** Where nobody says how long a limit lasts. */
const MIN_LIMIT_PAUSE_MS = 60_000;

/** Decides after an attempt at a turn, whose time is counted already: `elapsedMs`. */
export function afterTurn(
  life: Life,
  { result, elapsedMs }: Extract<Happened, { type: 'turn' }>,
  rules: Rules,
): [Life, Step] {
  if (result.kind === 'lost' || result.kind === 'handed-back') {
    const lasted = elapsedMs > LASTING_MS && (rules.lossesAnew ?? true);
    const owing = owe(life, result.kind === 'lost' ? result.last : result);
    return takeUpAgain(lasted ? { ...owing, lost: 0, losses: 0 } : owing, result, rules);
  }
  const known: Life = {
    ...life,
    lost: 0,
    model: result.model ?? life.model,
    loaded: result.loaded ?? life.loaded,
    notes: [...life.notes, ...result.notes],
  };
  switch (result.kind) {
    case 'conversation-gone':
      return beginAnew(known, result, rules);
    case 'finished':
      return [{ ...spend(known, result), failures: 0, stalls: 0, report: result.report }, { do: 'collect' }];
    case 'question':
      return [
        { ...spend(known, result), failures: 0, stalls: 0 },
        {
          do: 'ask',
          questions: result.questions.map(({ requestId, question, choices }) => ({
            id: requestId,
            question,
            ...(choices && { choices: [...choices] }),
          })),
        },
      ];
    case 'stuck':
      return afterStall({ ...owe(known, result), stalls: known.stalls + 1 }, result, rules);
    case 'timed-out':
      return conclude(spend(known, result), { status: 'timed-out' });
    case 'near-budget': {
      const near = nearBudget(known, result.usage, known.turn - 1, rules.budget);
      const owing = owe(known, result);
      if (!near) return attemptTurn(owing, 'keep', rules);
      return [
        { ...owing, noticed: near.noticed },
        { do: 'report-budget', summary: near.words },
      ];
    }
    case 'over-budget': {
      const spent = spend(known, result);
      return conclude(spent, overBudget(spent.usage, 0, rules.budget) ?? { status: 'over-budget' });
    }
    case 'failed':
      return afterFailure(owe(known, result), result, rules);
  }
}

function afterStall(
  life: Life,
  { doing, silentMs }: Extract<TurnResult, { kind: 'stuck' }>,
  { onStuck = 'report' }: Rules,
): [Life, Step] {
  const notes = onStuck === 'kill' ? ['it was killed because it was stuck'] : [];
  return [
    { ...life, silentSince: undefined, notes: [...life.notes, ...notes] },
    { do: 'report-stuck', doing, silentMs, then: onStuck },
  ];
}

function afterFailure(
  before: Life,
  result: Extract<TurnResult, { kind: 'failed' }>,
  { seed = 0 }: Rules,
): [Life, Step] {
  // An attempt that came further than the one before begins a new row of failures.
  const further = result.usage.modelRequests > before.requestsAtFailure;
  const life: Life = {
    ...before,
    failures: further ? 0 : before.failures,
    waits: further ? 0 : before.waits,
    requestsAtFailure: result.usage.modelRequests,
    silentSince: result.lastEventAt ?? before.silentSince,
  };
  if (result.waitFor !== undefined) {
    const waits = life.waits + 1;
    return [
      // Silence that was waited for is none.
      { ...life, waits, silentSince: undefined },
      {
        do: 'wait',
        for: result.waitFor,
        ms:
          result.waitFor === 'limit'
            ? limitPause(result.retryAfterMs ?? MIN_LIMIT_PAUSE_MS, waits, seed)
            : credentialsPause(waits, seed),
        why: result.message,
        announce: waits === 1,
      },
    ];
  }
  const failures = life.failures + 1;
  if (result.retryable && failures < MAX_TURN_FAILURES) {
    const ms = result.retryAfterMs ?? backoff(failures, seed);
    return [
      { ...life, failures },
      { do: 'pause', ms, why: result.message },
    ];
  }
  return conclude(spend({ ...life, failures }, result), {
    status: 'failed',
    failure: {
      class: result.class === 'copilot' ? 'copilot' : 'model',
      cause: result.class,
      message: result.message,
      ...(result.remedy !== undefined && { remedy: result.remedy }),
    },
  });
}

/** The same turn once more, in a new conversation that is told of the one before. */
function beginAnew(
  before: Life,
  { reason, shown }: Extract<TurnResult, { kind: 'conversation-gone' }>,
  rules: Rules,
): [Life, Step] {
  const failures = before.failures + 1;
  const counts = before.unspent !== undefined && (rules.goneCounts?.() ?? true);
  const note = `its Copilot session could not be resumed (${reason}): a new one began in the same workspace, with a hand-over`;
  const life: Life = {
    ...(counts ? settle(before) : before),
    failures,
    handover: shown,
    notes: [...before.notes, note],
  };
  if (failures < MAX_TURN_FAILURES) return attemptTurn(life, 'keep', rules);
  return conclude(life, {
    status: 'failed',
    failure: {
      class: 'copilot',
      cause: 'copilot',
      message: `its Copilot session could not be resumed, ${failures} times in a row: ${reason}`,
    },
  });
}

/** The same turn once more: its prompt is sent only where Copilot's event log does not have it. */
function takeUpAgain(
  before: Life,
  result: Extract<TurnResult, { kind: 'lost' | 'handed-back' }>,
  rules: Rules,
): [Life, Step] {
  if (result.kind === 'handed-back' || result.unbegun) return attemptTurn(before, 'retake', rules);
  const { furtherAnew = true, seed = 0 } = rules;
  const life = afterLoss(before, result, furtherAnew);
  const { turn, lost, losses } = life;
  if (lost > MAX_LOST_ATTEMPTS || (furtherAnew && losses > MAX_LOSSES)) {
    const times = lost > MAX_LOST_ATTEMPTS ? `${lost} times in a row` : `${losses} times`;
    return conclude(life, {
      status: 'failed',
      failure: { class: 'copilot', message: `turn ${turn} was lost ${times}: ${result.reason}` },
    });
  }
  const note = `turn ${turn} was interrupted and taken up again: ${result.reason}`;
  const [next, step] = attemptTurn(
    { ...life, notes: [...life.notes, note] },
    result.who === 'worker' ? 'retake' : 'keep',
    rules,
  );
  const pauses = Math.max(lost - LOST_AT_ONCE, losses - MAX_LOST_ATTEMPTS);
  if (step.do !== 'turn' || pauses <= 0 || !furtherAnew) return [next, step];
  const pause = { ms: backoff(pauses, seed), why: `turn ${turn} was lost ${losses} times: ${result.reason}` };
  return [next, { ...step, pause }];
}

/** Counts a loss. One before which the turn came further than before the last is the first of a new row. */
function afterLoss(life: Life, { last }: Lost, furtherAnew: boolean): Life {
  const done = last ? last.usage.modelRequests + last.usage.toolCalls : 0;
  const ran = last?.tool === undefined ? undefined : last.doing;
  const further = done > life.doneAtLoss && (ran === undefined || ran !== life.ranAtLoss);
  return {
    ...life,
    lost: furtherAnew && further ? 1 : life.lost + 1,
    losses: life.losses + 1,
    doneAtLoss: Math.max(done, life.doneAtLoss),
    ranAtLoss: ran ?? life.ranAtLoss,
  };
}
