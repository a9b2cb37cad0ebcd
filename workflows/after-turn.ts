/** What to do after an attempt at a turn, by its result. */
import type { TurnResult } from '../src/contract/index.ts';
import { spend, type Life, type Rules, type Step } from './life.ts';
import { attemptTurn, conclude } from './moves.ts';

/** Failed attempts of one turn in a row that are tried again before the subagent fails. */
export const MAX_TURN_FAILURES = 5;
/** Lost attempts of one turn in a row: a turn that kills its worker each time must not do so for ever. */
export const MAX_LOST_ATTEMPTS = 10;

/** Decides after an attempt at a turn, whose time is counted already. */
export function afterTurn(life: Life, result: TurnResult, rules: Rules): [Life, Step] {
  if (result.kind === 'lost' || result.kind === 'handed-back') return takeUpAgain(life, result, rules);
  const known: Life = {
    ...life,
    lost: 0,
    model: result.model ?? life.model,
    notes: [...life.notes, ...result.notes],
  };
  switch (result.kind) {
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
      return [
        { ...known, stalls: known.stalls + 1 },
        { do: 'report-stuck', doing: result.doing, silentMs: result.silentMs },
      ];
    case 'timed-out':
      return conclude(spend(known, result), { status: 'timed-out' });
    case 'failed': {
      const failures = known.failures + 1;
      if (result.retryable && failures < MAX_TURN_FAILURES) {
        return [
          { ...known, failures },
          { do: 'pause', ms: result.retryAfterMs ?? backoff(failures), why: result.message },
        ];
      }
      return conclude(spend({ ...known, failures }, result), {
        status: 'failed',
        failure: {
          class: result.class === 'copilot' ? 'copilot' : 'model',
          message: result.message,
          ...(result.remedy !== undefined && { remedy: result.remedy }),
        },
      });
    }
  }
}

/** The same turn once more: its prompt is sent only where Copilot's event log does not have it. */
function takeUpAgain(
  life: Life,
  result: Extract<TurnResult, { kind: 'lost' | 'handed-back' }>,
  rules: Rules,
): [Life, Step] {
  if (result.kind === 'handed-back') return attemptTurn(life, 'retake', rules);
  const lost = life.lost + 1;
  if (lost > MAX_LOST_ATTEMPTS) {
    return conclude(life, {
      status: 'failed',
      failure: {
        class: 'copilot',
        message: `turn ${life.turn} was lost ${lost} times in a row: ${result.reason}`,
      },
    });
  }
  const note = `turn ${life.turn} was interrupted and taken up again: ${result.reason}`;
  return attemptTurn(
    { ...life, lost, notes: [...life.notes, note] },
    result.who === 'worker' ? 'retake' : 'keep',
    rules,
  );
}

/** 5 s, 10 s, 20 s, … at most 5 minutes. */
function backoff(failures: number): number {
  return Math.min(5_000 * 2 ** (failures - 1), 300_000);
}
