/**
 * The life of one subagent as pure decisions: (life so far, what happened) to (life, what to do next).
 * No Temporal, no clock, no I/O: `subagent.ts` performs the steps, tests drive this with random events.
 */
import { OUTPUT_AGAIN } from '../src/chain/output.ts';
import type { Failure, Verification } from '../src/contract/index.ts';
import { afterTurn } from './after-turn.ts';
import type { Happened, Life, Opening, Rules, Step } from './life.ts';
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
      return afterTurn({ ...life, workedMs: life.workedMs + happened.elapsedMs }, happened, rules);
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
      const { output, artifacts } = happened;
      if (output && 'problem' in output) return afterBadOutput(collected, output.problem, rules);
      if (artifacts && 'problem' in artifacts)
        return failUnlessTold(collected, withoutArtifacts(artifacts.problem), { kind: 'steers' }, rules);
      const read = {
        ...collected,
        ...(output && { output: output.value }),
        ...(artifacts && { artifacts: artifacts.files }),
      };
      return rules.verify ? [read, { do: 'verify' }] : afterWork(read, rules);
    }
    case 'verified':
      return afterVerify(life, happened, rules);
    case 'unverified':
      return end(life, { status: 'failed', failure: happened.failure });
    case 'pushed':
      return afterPush({ ...life, push: happened.push }, rules);
  }
}

/** A report that is not the data that was asked for goes back once. */
function afterBadOutput(before: Life, problem: string, rules: Rules): [Life, Step] {
  const life: Life = { ...before, output: undefined };
  const prompt = `Your final message cannot be used: ${problem}.\n\n${OUTPUT_AGAIN}`;
  if (life.outputRepairs > 0) {
    const failure: Failure = {
      class: 'output',
      message: `its final message is not the data that was asked for: ${problem}`,
      remedy: 'Look at its report; a plainer schema or task may help.',
    };
    return failUnlessTold(life, failure, { kind: 'repair', problem: prompt }, rules);
  }
  return openTurn(
    {
      ...life,
      outputRepairs: life.outputRepairs + 1,
      notes: [...life.notes, `its final message went back to it: ${problem}`],
    },
    { kind: 'repair', problem: prompt },
    'keep',
    rules,
  );
}

function withoutArtifacts(message: string): Failure {
  return {
    class: 'artifacts',
    message,
    remedy: 'Say in its task what the file is to hold, and run it again.',
  };
}

/** It has failed, unless its main agent has said something meanwhile: that opens one more turn, which may mend it. */
function failUnlessTold(life: Life, failure: Failure, opening: Opening, rules: Rules): [Life, Step] {
  return life.held.length > 0 && (rules.heldOpens?.() ?? true)
    ? openTurn(life, opening, 'keep', rules)
    : end(life, { status: 'failed', failure });
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
  const problem = rules.output ? `${happened.problem}\n\n${OUTPUT_AGAIN}` : happened.problem;
  const opening: Opening = { kind: 'repair', problem };
  if (life.repairs < rules.maxRepairs)
    return openTurn({ ...verified, repairs: life.repairs + 1 }, opening, 'keep', rules);
  const message = firstProblem(verified.verifications) ?? happened.reason ?? happened.problem;
  return failUnlessTold(verified, { class: 'verification', message }, opening, rules);
}

/** The work stands (and verified, where that was asked for). A steer that came meanwhile still opens a turn: none is dropped. */
function afterWork(life: Life, rules: Rules): [Life, Step] {
  if (life.held.length > 0) return openTurn(life, { kind: 'steers' }, 'keep', rules);
  return rules.push ? [life, { do: 'push' }] : end(life, { status: 'done' });
}

/** A steer that came meanwhile opens a turn here too; what comes of it is pushed again. */
function afterPush(life: Life, rules: Rules): [Life, Step] {
  if (life.held.length > 0) return openTurn(life, { kind: 'steers' }, 'keep', rules);
  const problem = life.push?.problem;
  if (problem === undefined) return end(life, { status: 'done' });
  return end(life, {
    status: 'failed',
    failure: {
      class: 'push',
      message: `its branch was not pushed: ${problem}`,
      remedy:
        'The work is kept on its branch: push it from its worktree, or continue the subagent to try again.',
    },
  });
}

function firstProblem(verifications: readonly Verification[]): string | undefined {
  const failed = verifications.find((each) => each.exitCode !== 0);
  return failed && `\`${failed.command}\` ${failed.problem ?? `exited with ${failed.exitCode}`}`;
}
