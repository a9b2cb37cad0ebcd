/**
 * The life of one subagent as pure decisions: (life so far, what happened) to (life, what to do next).
 * No Temporal, no clock, no I/O: `subagent.ts` performs the steps, tests drive this with random events.
 */
import type { Verification } from '../src/contract/index.ts';
import { afterTurn } from './after-turn.ts';
import type { Happened, Life, Rules, Step } from './life.ts';
import { attemptTurn, conclude, end, openTurn } from './moves.ts';

/** Decides what to do after `happened`. */
export function next(life: Life, happened: Happened, rules: Rules): [Life, Step] {
  switch (happened.type) {
    case 'prepared': {
      const prepared = { ...life, notes: [...life.notes, ...happened.notes] };
      return rules.setUp ? [prepared, { do: 'set-up' }] : openTurn(prepared, { kind: 'task' }, 'keep', rules);
    }
    case 'set-up': {
      const { results, notes, failure } = happened;
      const ready = { ...life, setup: results, notes: [...life.notes, ...notes] };
      return failure
        ? conclude(ready, { status: 'failed', failure })
        : openTurn(ready, { kind: 'task' }, 'keep', rules);
    }
    case 'unprepared':
      return end(life, { status: 'failed', failure: happened.failure });
    case 'uncollected':
      return end(life, life.verdict ?? { status: 'failed', failure: happened.failure });
    case 'turn':
      return afterTurn({ ...life, workedMs: life.workedMs + happened.elapsedMs }, happened.result, rules);
    case 'went-on':
      return attemptTurn(life, 'keep', rules);
    case 'answered':
      return openTurn(
        { ...life, notes: [...life.notes, ...(happened.notes ?? [])] },
        { kind: 'answers', answers: happened.answers },
        'retake',
        rules,
      );
    case 'collected': {
      const collected = { ...life, evidence: happened.evidence, notes: [...life.notes, ...happened.notes] };
      if (life.verdict) return end(collected, life.verdict);
      return rules.verify ? [collected, { do: 'verify' }] : afterWork(collected, rules);
    }
    case 'verified':
      return afterVerify(life, happened, rules);
  }
}

function afterVerify(
  life: Life,
  happened: Extract<Happened, { type: 'verified' }>,
  rules: Rules,
): [Life, Step] {
  const verified: Life = {
    ...life,
    verifications: happened.verifications,
    verifyingMs: life.verifyingMs + happened.elapsedMs,
    workedMs: life.workedMs + happened.elapsedMs,
    notes: [...life.notes, ...happened.notes],
  };
  if (happened.problem === undefined) return afterWork(verified, rules);
  if (life.repairs < rules.maxRepairs) {
    return openTurn(
      { ...verified, repairs: life.repairs + 1 },
      { kind: 'repair', problem: happened.problem },
      'keep',
      rules,
    );
  }
  return end(verified, {
    status: 'failed',
    failure: { class: 'verification', message: firstProblem(verified.verifications) ?? happened.problem },
  });
}

/** The work stands (and verified, where that was asked for). A steer that came meanwhile still opens a turn: none is dropped. */
function afterWork(life: Life, rules: Rules): [Life, Step] {
  if (life.held.length === 0) return end(life, { status: 'done' });
  return openTurn(life, { kind: 'steers' }, 'keep', rules);
}

function firstProblem(verifications: readonly Verification[]): string | undefined {
  const failed = verifications.find((each) => each.exitCode !== 0);
  return failed && `\`${failed.command}\` ${failed.problem ?? `exited with ${failed.exitCode}`}`;
}
