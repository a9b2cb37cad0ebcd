/**
 * What a subagent does next, as pure decisions: (state, result of its action) to (state, next action).
 * No Temporal, no clock, no I/O: `action-runner.ts` runs the actions, and tests drive this file with random results.
 */
import {
  unsavedPrompt,
  unusableOutputPrompt,
  withOutputAgain,
  type Opening,
} from '../../src/prompts/index.ts';
import { blocking, oneLine, type Failure, type Verification } from '../../src/contract/index.ts';
import { afterTurn } from './after-turn.ts';
import { overBudget } from './budget.ts';
import type { ActionResult, NextAction } from './events.ts';
import type { SubagentRules, SubagentState } from './state.ts';
import { attemptTurn, conclude, end, openTurn } from './transitions.ts';

/** Characters of one note. */
const MAX_NOTE_CHARS = 300;

/** Decides the next action after `result`. */
export function decideNextAction(
  state: SubagentState,
  result: ActionResult,
  rules: SubagentRules,
): [SubagentState, NextAction] {
  switch (result.type) {
    case 'prepared': {
      const { workspace } = result;
      const prepared = { ...state, workspace, notes: [...state.notes, ...workspace.notes] };
      return rules.setUp ? [prepared, { do: 'set-up' }] : openTurn(prepared, { kind: 'task' }, 'keep', rules);
    }
    case 'set-up': {
      const { results, notes, failure } = result;
      const ready = { ...state, setup: results, notes: [...state.notes, ...notes] };
      return failure
        ? conclude(ready, { status: 'failed', failure })
        : openTurn(ready, { kind: 'task' }, 'keep', rules);
    }
    case 'unprepared':
      return end(state, { status: 'failed', failure: result.failure });
    case 'uncollected':
      return end(
        { ...state, evidence: result.evidence ?? state.evidence },
        state.verdict ?? { status: 'failed', failure: result.failure },
      );
    case 'turn':
      return afterTurn({ ...state, workedMs: state.workedMs + result.elapsedMs }, result, rules);
    case 'continued':
      return attemptTurn(state, 'keep', rules);
    case 'answered':
      return openTurn(
        { ...state, notes: [...state.notes, ...(result.notes ?? [])] },
        { kind: 'answers', answers: result.answers, decisions: result.decisions ?? [] },
        'reacquire',
        rules,
      );
    case 'collected': {
      const { evidence, caveats, notes } = result;
      const collected = { ...state, evidence, caveats, notes: [...state.notes, ...notes] };
      if (state.verdict) return end(collected, state.verdict);
      const { output, artifacts } = result;
      if (output && 'problem' in output) return afterBadOutput(collected, output.problem, rules);
      if (artifacts && 'problem' in artifacts)
        return failUnlessSteersHeld(
          collected,
          withoutArtifacts(artifacts.problem),
          { kind: 'steers' },
          rules,
        );
      const read = {
        ...collected,
        ...(output && { output: output.value }),
        ...(artifacts && { artifacts: artifacts.files }),
      };
      if (returnUnsaved(read, rules)) return unsavedGoesBack(read, rules);
      return rules.verify ? [read, { do: 'verify' }] : afterWork(read, rules);
    }
    case 'verified':
      return afterVerify(state, result, rules);
    case 'unverified':
      return end(state, { status: 'failed', failure: result.failure });
    case 'pushed':
      return afterPush({ ...state, push: result.push }, rules);
  }
}

/**
 * Whether uncommitted work goes back to the subagent: once, if another turn is allowed. Otherwise it becomes a caveat.
 */
function returnUnsaved(state: SubagentState, rules: SubagentRules): boolean {
  const { evidence, unsavedRepairs, usage, turn, workedMs } = state;
  return (
    (evidence?.unsaved ?? []).length > 0 &&
    unsavedRepairs === 0 &&
    rules.maxRepairs > 0 &&
    workedMs < rules.timeoutMs &&
    overBudget(usage, turn, rules.budget) === undefined
  );
}

function unsavedGoesBack(state: SubagentState, rules: SubagentRules): [SubagentState, NextAction] {
  const unsaved = state.evidence?.unsaved ?? [];
  const prompt = unsavedPrompt(unsaved);
  const problem = rules.output ? withOutputAgain(prompt) : prompt;
  const paths = unsaved.map(({ path }) => path).join(', ');
  const note = oneLine(
    `the subagent was asked to commit work that was in no commit: ${paths}`,
    MAX_NOTE_CHARS,
  );
  return openTurn(
    { ...state, unsavedRepairs: state.unsavedRepairs + 1, notes: [...state.notes, note] },
    { kind: 'repair', problem },
    'keep',
    rules,
  );
}

/** A report that is not the requested data goes back to the subagent once. */
function afterBadOutput(
  before: SubagentState,
  problem: string,
  rules: SubagentRules,
): [SubagentState, NextAction] {
  const state: SubagentState = { ...before, output: undefined };
  const prompt = unusableOutputPrompt(problem);
  if (state.outputRepairs > 0) {
    const failure: Failure = {
      class: 'output',
      message: `its final message is not the requested data: ${problem}`,
      remedy: 'Look at its report; a simpler schema or task may help.',
    };
    return failUnlessSteersHeld(state, failure, { kind: 'repair', problem: prompt }, rules);
  }
  return openTurn(
    {
      ...state,
      outputRepairs: state.outputRepairs + 1,
      notes: [...state.notes, `its final message was sent back: ${problem}`],
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
    remedy: 'Describe in its task what the file must contain, and run it again.',
  };
}

/** Fails the subagent, unless steers are held: those open one more turn, which may fix the problem. */
function failUnlessSteersHeld(
  state: SubagentState,
  failure: Failure,
  opening: Opening,
  rules: SubagentRules,
): [SubagentState, NextAction] {
  return state.held.length > 0
    ? openTurn(state, opening, 'keep', rules)
    : end(state, { status: 'failed', failure });
}

function afterVerify(
  state: SubagentState,
  result: Extract<ActionResult, { type: 'verified' }>,
  rules: SubagentRules,
): [SubagentState, NextAction] {
  const verified: SubagentState = {
    ...state,
    verifications: result.verifications,
    verifyingMs: state.verifyingMs + result.elapsedMs,
    workedMs: state.workedMs + result.elapsedMs,
    notes: [...state.notes, ...result.notes],
    caveats: [...state.caveats, ...(result.caveats ?? [])],
  };
  if (result.problem === undefined) return afterWork(verified, rules);
  const problem = rules.output ? withOutputAgain(result.problem) : result.problem;
  const opening: Opening = { kind: 'repair', problem };
  if (state.repairs < rules.maxRepairs)
    return openTurn({ ...verified, repairs: state.repairs + 1 }, opening, 'keep', rules);
  const message = firstProblem(verified.verifications) ?? result.reason ?? result.problem;
  return failUnlessSteersHeld(verified, { class: 'verification', message }, opening, rules);
}

/** The work is collected, and verified if requested. Steers held meanwhile still open a turn, so none is dropped. */
function afterWork(state: SubagentState, rules: SubagentRules): [SubagentState, NextAction] {
  if (state.held.length > 0) return openTurn(state, { kind: 'steers' }, 'keep', rules);
  const goesOut = rules.push && (rules.force || blocking(state.caveats).length === 0);
  return goesOut ? [state, { do: 'push' }] : end(state, { status: 'done' });
}

/** Steers held during the push open a turn as well; its result is pushed again. */
function afterPush(state: SubagentState, rules: SubagentRules): [SubagentState, NextAction] {
  if (state.held.length > 0) return openTurn(state, { kind: 'steers' }, 'keep', rules);
  const problem = state.push?.problem;
  if (problem === undefined) return end(state, { status: 'done' });
  return end(state, {
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
