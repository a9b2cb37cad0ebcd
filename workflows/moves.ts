/** The decisions that several others end in: a turn, or an end. */
import { nearBudget, overBudget } from './budget.ts';
import { UNTRIED, type Life, type Opening, type Rules, type Step, type Verdict } from './life.ts';

/** A new turn: it takes what is held with it. */
export function openTurn(life: Life, opening: Opening, room: 'keep' | 'retake', rules: Rules): [Life, Step] {
  // While calls wait for their answers Copilot takes no other message: steers stay held for the turn after.
  const [steers, held] = opening.kind === 'answers' ? [[], life.held] : [life.held, []];
  const spent = overBudget(life.usage, life.turn, rules.budget);
  if (spent) return conclude(life, spent);
  const opened: Life = {
    ...life,
    turn: life.turn + 1,
    opening,
    steers,
    held,
    ...UNTRIED,
  };
  const near = nearBudget(life, undefined, life.turn, rules.budget);
  if (near)
    return [
      { ...opened, noticed: near.noticed },
      { do: 'report-budget', summary: near.words },
    ];
  return attemptTurn(opened, room, rules);
}

/** An attempt at the current turn, while working time is left. */
export function attemptTurn(life: Life, room: 'keep' | 'retake', rules: Rules): [Life, Step] {
  if (life.workedMs >= rules.timeoutMs) return conclude(life, { status: 'timed-out' });
  return [life, { do: 'turn', room }];
}

/** The end is decided; what was done is still collected first. */
export function conclude(life: Life, verdict: Verdict): [Life, Step] {
  return [{ ...life, verdict }, { do: 'collect' }];
}

/** The end. */
export function end(life: Life, verdict: Verdict): [Life, Step] {
  return [
    { ...life, verdict },
    { do: 'end', verdict },
  ];
}
