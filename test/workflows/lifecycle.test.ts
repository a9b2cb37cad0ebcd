import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  caveatOf,
  DEFAULT_HUNG_MODEL_MS,
  DEFAULT_TIMEOUT_MS,
  isTransition,
  resolvedSpec,
  SEARCH_ATTRIBUTES,
  TRANSITIONS,
  type Evidence,
  type Failure,
  type ResolvedSpec,
  type Status,
  type TurnResult,
  type Usage,
  type Workspace,
} from '../../src/contract/index.ts';
import { backoff, credentialsPause, limitPause, workerCheckPause } from '../../workflows/shared/backoff.ts';
import { MAX_LOSSES, MAX_LOSSES_IN_A_ROW, MAX_TURN_FAILURES } from '../../workflows/subagent/after-turn.ts';
import { decideNextAction } from '../../workflows/subagent/lifecycle.ts';
import { applyOccurrence } from '../../workflows/subagent/occurrences.ts';
import { SubagentMachine } from '../../workflows/subagent/machine.ts';
import {
  type ActionResult,
  type NextAction,
  type Occurrence,
  STATUS_DURING,
} from '../../workflows/subagent/events.ts';
import {
  type HeldSteer,
  type SubagentRules,
  type SubagentState,
  initialState,
} from '../../workflows/subagent/state.ts';
import { attemptAfterResult } from '../../workflows/subagent/turn.ts';
import { flushUsage } from '../../workflows/subagent/turn-usage.ts';
import { allowance } from '../../workflows/subagent/budget.ts';

const usage: Usage = { inputTokens: 10, outputTokens: 2, cachedTokens: 5, modelRequests: 1, toolCalls: 1 };
const evidence: Evidence = {
  cwd: '/work',
  branch: 'subagents/a',
  base: 'b'.repeat(40),
  head: 'c'.repeat(40),
  commits: [],
  commitCount: 0,
  diffStat: { files: 0, insertions: 0, deletions: 0 },
  filesChanged: [],
  savedLeftovers: false,
  uncommitted: [],
  sensitive: [],
};
const rules: SubagentRules = { timeoutMs: 60_000, maxRepairs: 2, verify: true, setUp: false };
const finished: TurnResult = { kind: 'finished', report: 'done', usage, notes: [] };
const failed: TurnResult = {
  kind: 'failed',
  class: 'provider',
  message: '503',
  retryable: true,
  usage,
  notes: [],
};
const lost: TurnResult = { kind: 'lost', who: 'worker', reason: 'it died' };
/** Lost after so many model requests of its turn, in the middle of a command. */
const lostIn = (doing: string, modelRequests: number): Extract<TurnResult, { kind: 'lost' }> => ({
  ...lost,
  last: { workedMs: 100, usage: { ...usage, modelRequests }, tool: 'bash', doing },
});

/** A spec that has these rules. */
const specOf = (own: SubagentRules): ResolvedSpec =>
  resolvedSpec.parse({
    label: 'a',
    task: 'Do it.',
    repo: '/repo',
    base: { commit: evidence.base, name: 'HEAD' },
    isolation: 'worktree',
    hostQueue: 'a-host',
    timeoutMs: own.timeoutMs,
    maxRepairs: own.maxRepairs,
    verify: own.verify ? ['npm test'] : [],
    setup: own.setUp ? ['npm ci'] : [],
    ...(own.push !== undefined && { push: own.push }),
    ...(own.budget && { budget: own.budget }),
    ...(own.onStuck && { onStuck: own.onStuck }),
  });

/** The state with a steer more that waits for the next turn. */
const hold = (state: SubagentState, steer: HeldSteer): SubagentState =>
  applyOccurrence(state, { type: 'steer-held', steer });

/** Drives a subagent through `events` from its beginning; each must answer the action before it. */
function drive(
  events: ActionResult[],
  options: { rules?: SubagentRules; state?: (state: SubagentState) => SubagentState } = {},
): [SubagentState, NextAction] {
  let [state, step]: [SubagentState, NextAction] = [initialState(specOf(rules)), { do: 'prepare' }];
  for (const event of events) {
    state = options.state?.(state) ?? state;
    [state, step] = decideNextAction(state, event, options.rules ?? rules);
  }
  return [state, step];
}

const workspace: Workspace = {
  kind: 'workspace',
  cwd: '/work',
  branch: 'subagents/a',
  base: evidence.base,
  notes: [],
};
const prepared: ActionResult = { type: 'prepared', workspace };
const setUp = (failure?: Failure): ActionResult => ({
  type: 'set-up',
  results: [{ command: 'npm ci', exitCode: failure ? 1 : 0, durationMs: 5, outputTail: '' }],
  notes: [],
  failure,
});
const gone: TurnResult = {
  kind: 'copilot-session-lost',
  reason: 'its state is missing',
  shown: 'one commit',
  usage,
  notes: [],
};
const turn = (result: TurnResult, elapsedMs = 100): ActionResult => ({ type: 'turn', result, elapsedMs });
const collected = { type: 'collected', evidence, caveats: [], notes: [] } as const satisfies ActionResult;
const verified = (problem?: string): ActionResult => ({
  type: 'verified',
  verifications: [
    { command: 'npm test', exitCode: problem === undefined ? 0 : 1, durationMs: 5, outputTail: '' },
  ],
  problem,
  notes: [],
  elapsedMs: 5,
});

const pushed = (problem?: string): ActionResult => ({
  type: 'pushed',
  push: {
    remote: 'https://example.com/a.git',
    commit: evidence.head,
    ...(problem !== undefined && { problem }),
  },
});

describe('the lifecycle', () => {
  it('prepares, works, collects, verifies, and is done', () => {
    expect(drive([])[1]).toEqual({ do: 'prepare' });
    expect(drive([prepared])[1]).toEqual({ do: 'turn', slot: 'keep' });
    expect(drive([prepared, turn(finished)])[1]).toEqual({ do: 'collect' });
    expect(drive([prepared, turn(finished), collected])[1]).toEqual({ do: 'verify' });
    expect(drive([prepared, turn(finished), collected, verified()])[1]).toEqual({
      do: 'end',
      verdict: { status: 'done' },
    });
  });

  it('sets up between preparing and the first turn, where there is anything to set up', () => {
    const own = { rules: { ...rules, setUp: true } };
    expect(drive([prepared], own)[1]).toEqual({ do: 'set-up' });
    const [state, step] = drive([prepared, setUp()], own);
    expect(step).toEqual({ do: 'turn', slot: 'keep' });
    expect(state.turn).toBe(1);
  });

  it('says for people why it failed, where the commands passed and did what they must not', () => {
    const moved: ActionResult = {
      type: 'verified',
      verifications: [],
      notes: [],
      elapsedMs: 5,
      problem: 'Your work was verified, and it did not pass.',
      reason: 'The commands moved HEAD.',
    };
    const own = { rules: { ...rules, maxRepairs: 0 } };
    expect(drive([prepared, turn(finished), collected, moved], own)[1]).toEqual({
      do: 'end',
      verdict: { status: 'failed', failure: { class: 'verification', message: 'The commands moved HEAD.' } },
    });
  });

  it('opens one more turn for a message that came while its last repair was verified', () => {
    const own = { ...rules, maxRepairs: 0 };
    const [last] = drive([prepared, turn(finished), collected], { rules: own });
    const [state, step] = decideNextAction(
      hold(last, { id: 's', message: 'skip that' }),
      verified('broken'),
      own,
    );
    expect(step).toEqual({ do: 'turn', slot: 'keep' });
    expect(state).toMatchObject({
      turn: 2,
      repairs: 0,
      held: [],
      steers: [{ id: 's' }],
      opening: { kind: 'repair', problem: 'broken' },
    });
  });

  it('fails with its set-up, with what there is collected and no turn begun', () => {
    const own = { rules: { ...rules, setUp: true } };
    const failure: Failure = { class: 'setup', message: '`npm ci` exited with 1' };
    expect(drive([prepared, setUp(failure)], own)[1]).toEqual({ do: 'collect' });
    const [state, end] = drive([prepared, setUp(failure), collected], own);
    expect(end).toEqual({ do: 'end', verdict: { status: 'failed', failure } });
    expect(state).toMatchObject({ turn: 0, setup: [{ command: 'npm ci', exitCode: 1 }] });
  });

  it('sends work back once that no commit has, then verifies without it', () => {
    const unsaved = [{ path: 'app/', reason: 'a git repository of its own' }];
    const some: ActionResult = { ...collected, evidence: { ...evidence, unsaved } };
    const [asked, again] = drive([prepared, turn(finished), some]);
    expect(again).toEqual({ do: 'turn', slot: 'keep' });
    expect(asked.opening).toMatchObject({
      kind: 'repair',
      problem: expect.stringContaining('* "app/": a git repository of its own') as string,
    });
    expect(drive([prepared, turn(finished), some, turn(finished), some])[1]).toEqual({ do: 'verify' });
    const [, done] = drive([prepared, turn(finished), some, turn(finished), some, verified()]);
    expect(done).toEqual({ do: 'end', verdict: { status: 'done' } });
    const [, failed] = drive([prepared, turn(finished), some, turn(finished), some, verified('red')], {
      rules: { ...rules, maxRepairs: 1 },
    });
    expect(failed).toEqual({ do: 'turn', slot: 'keep' });
    // Where no turn more is allowed, what was done counts.
    for (const own of [
      { ...rules, maxRepairs: 0 },
      { ...rules, budget: { turns: 1 } },
    ])
      expect(drive([prepared, turn(finished), some], { rules: own })[1]).toEqual({ do: 'verify' });
  });

  it('sends a report back once that is not the data asked for, then fails', () => {
    const own = { rules: { ...rules, output: true } };
    const bad: ActionResult = { ...collected, output: { problem: 'it is not JSON' } };
    const good: ActionResult = { ...collected, output: { value: { files: [] } } };
    const [asked, again] = drive([prepared, turn(finished), bad], own);
    expect(again).toEqual({ do: 'turn', slot: 'keep' });
    expect(asked.opening).toMatchObject({
      kind: 'repair',
      problem: expect.stringContaining('it is not JSON') as string,
    });
    const [read, verify] = drive([prepared, turn(finished), bad, turn(finished), good], own);
    expect(verify).toEqual({ do: 'verify' });
    expect(read).toMatchObject({ output: { files: [] }, repairs: 0, outputRepairs: 1 });
    const [, failed] = drive([prepared, turn(finished), bad, turn(finished), bad], own);
    expect(failed).toMatchObject({ do: 'end', verdict: { status: 'failed', failure: { class: 'output' } } });
    const [mended] = drive([prepared, turn(finished), good, verified('red')], own);
    expect(mended.opening).toMatchObject({ problem: expect.stringContaining('JSON value again') as string });
  });

  it('fails without a file that it was to hand on, with its evidence', () => {
    const missing: ActionResult = { ...collected, artifacts: { problem: 'a.md is not there' } };
    const [state, failed] = drive([prepared, turn(finished), missing]);
    expect(failed).toMatchObject({
      do: 'end',
      verdict: { failure: { class: 'artifacts', message: 'a.md is not there' } },
    });
    expect(state).toMatchObject({ evidence });
    const there: ActionResult = { ...collected, artifacts: { files: { 'a.md': 'text' } } };
    expect(drive([prepared, turn(finished), there])[0].artifacts).toEqual({ 'a.md': 'text' });
  });

  it('does not push what is done with a blocking caveat, and counts the caveats of the last collection alone', () => {
    const own = { rules: { ...rules, push: true } };
    const unsaved = { ...collected, caveats: [caveatOf('unsaved-work', 'a.txt: it may not be read')] };
    const [state, step] = drive([prepared, turn(finished), unsaved, verified()], own);
    expect(step).toEqual({ do: 'end', verdict: { status: 'done' } });
    expect(state.caveats).toEqual(unsaved.caveats);
    const forced = { rules: { ...own.rules, force: true } };
    expect(drive([prepared, turn(finished), unsaved, verified()], forced)[1]).toEqual({ do: 'push' });
    const mended = [prepared, turn(finished), unsaved, verified('no'), turn(finished), collected, verified()];
    expect(drive(mended, own)[1]).toEqual({ do: 'push' });
  });

  it('pushes what is done, where that is asked for, and fails when that fails', () => {
    const own = { rules: { ...rules, push: true } };
    const events = [prepared, turn(finished), collected, verified()];
    expect(drive(events, own)[1]).toEqual({ do: 'push' });
    expect(drive([...events, pushed()], own)[1]).toEqual({ do: 'end', verdict: { status: 'done' } });
    const [state, end] = drive([...events, pushed('refused')], own);
    expect(end).toMatchObject({ do: 'end', verdict: { status: 'failed', failure: { class: 'push' } } });
    expect(state).toMatchObject({ push: { problem: 'refused' }, evidence });
  });

  it('gives a steer that comes during the push its turn, and pushes again', () => {
    const own = { rules: { ...rules, push: true } };
    const round = [turn(finished), collected, verified()];
    const [state] = drive([prepared, ...round], own);
    const [held, step] = decideNextAction(hold(state, { id: 's', message: 'more' }), pushed(), own.rules);
    expect(step).toEqual({ do: 'turn', slot: 'keep' });
    const [, again] = round.reduce<[SubagentState, NextAction]>(
      ([now], event) => decideNextAction(now, event, own.rules),
      [held, step],
    );
    expect(again).toEqual({ do: 'push' });
  });

  it('begins a new conversation where there is none to resume, and gives up when that never lasts', () => {
    const [anew, step] = drive([prepared, turn(gone)]);
    expect(step).toEqual({ do: 'turn', slot: 'keep' });
    expect(anew).toMatchObject({ turn: 1, handover: 'one commit' });
    expect(anew.notes.join()).toContain('could not be resumed (its state is missing)');
    const [later] = drive([prepared, turn(gone), turn(finished), collected, verified('npm test failed')]);
    expect(later).toMatchObject({ turn: 2, handover: undefined });
    const [given, end] = drive([prepared, ...Array.from({ length: 5 }, () => turn(gone)), collected]);
    expect(given.failures).toBe(5);
    expect(end).toMatchObject({ do: 'end', verdict: { status: 'failed', failure: { class: 'copilot' } } });
  });

  it('is done after collecting when there is nothing to verify', () => {
    const [, step] = drive([prepared, turn(finished), collected], { rules: { ...rules, verify: false } });
    expect(step).toEqual({ do: 'end', verdict: { status: 'done' } });
  });

  it('fails with what it has collected, where its worker dies each time under its verification', () => {
    const failure: Failure = { class: 'worker', message: 'its worker died 7 times' };
    const [state, end] = drive([prepared, turn(finished), collected, { type: 'unverified', failure }]);
    expect(end).toEqual({ do: 'end', verdict: { status: 'failed', failure } });
    expect(state.evidence).toEqual(evidence);
  });

  it('sends a failed verification back twice, then fails with the command', () => {
    const round = [turn(finished), collected, verified('npm test failed')];
    const [repairing, again] = drive([prepared, ...round]);
    expect(again).toEqual({ do: 'turn', slot: 'keep' });
    expect(repairing.opening).toEqual({ kind: 'repair', problem: 'npm test failed' });
    const [, end] = drive([prepared, ...round, ...round, ...round]);
    expect(end).toEqual({
      do: 'end',
      verdict: { status: 'failed', failure: { class: 'verification', message: '`npm test` exited with 1' } },
    });
  });

  it('opens a turn with steers that came too late for the last one, instead of ending', () => {
    const steer = { id: 's-1', message: 'also the docs' };
    const [state] = drive([prepared, turn(finished), collected]);
    const [after, step] = decideNextAction(hold(state, steer), verified(), rules);
    expect(step).toEqual({ do: 'turn', slot: 'keep' });
    expect(after.opening).toEqual({ kind: 'steers' });
    expect(after.steers).toEqual([steer]);
    expect(after.held).toEqual([]);
  });

  it('keeps steers held while a turn answers questions, for the turn after', () => {
    const asked: TurnResult = {
      kind: 'question',
      questions: [{ requestId: 'q1', question: 'which?' }],
      usage,
      notes: [],
    };
    const [state, step] = drive([prepared, turn(asked)]);
    expect(step).toEqual({ do: 'ask', questions: [{ id: 'q1', question: 'which?' }], approvals: [] });
    const steer = { id: 's-1', message: 'later' };
    const [answered, go] = decideNextAction(
      hold(state, steer),
      { type: 'answered', answers: [{ requestId: 'q1', answer: 'this' }] },
      rules,
    );
    expect(go).toEqual({ do: 'turn', slot: 'reacquire' });
    expect(answered.held).toEqual([steer]);
    expect(answered.steers).toEqual([]);
  });

  it('takes a lost turn up again under the same number, and takes a slot again when the worker was lost', () => {
    const [state, step] = drive([prepared, turn(lost)]);
    expect(state.turn).toBe(1);
    expect(step).toEqual({ do: 'turn', slot: 'reacquire' });
    const [, runtime] = drive([prepared, turn({ ...lost, who: 'runtime' })]);
    expect(runtime).toEqual({ do: 'turn', slot: 'keep' });
  });

  it('gives a turn up that is lost each time, and keeps its work', () => {
    const losses = Array.from({ length: MAX_LOSSES_IN_A_ROW + 1 }, () => turn(lost, 0));
    expect(drive([prepared, ...losses])[1]).toEqual({ do: 'collect' });
    const [, end] = drive([prepared, ...losses, collected]);
    expect(end).toMatchObject({ do: 'end', verdict: { status: 'failed', failure: { class: 'copilot' } } });
  });

  it('does not put losses down to the turn between which it worked for long', () => {
    const losses = Array.from({ length: 3 * MAX_LOSSES_IN_A_ROW }, () => turn(lost, 10 * 60_000 + 1));
    const patient = { rules: { ...rules, timeoutMs: 1e9 } };
    expect(drive([prepared, ...losses], patient)[1]).toEqual({ do: 'turn', slot: 'reacquire' });
  });

  it('does not put losses down to a turn that came further in between, up to a bound', () => {
    const further = Array.from({ length: MAX_LOSSES }, (_, n) => turn(lostIn(`bash: step ${n}`, n + 1)));
    expect(drive([prepared, ...further])[1]).toMatchObject({ do: 'turn', slot: 'reacquire' });
    expect(drive([prepared, ...further])[0]).toMatchObject({ lost: 1, losses: MAX_LOSSES });
    const [state, step] = drive([prepared, ...further, turn(lostIn('bash: one more', 99))]);
    expect(step).toEqual({ do: 'collect' });
    expect(state.verdict?.failure?.message).toBe(`turn 1 was lost ${MAX_LOSSES + 1} times: it died`);
  });

  it('puts losses down to a turn whose worker died under the same command each time', () => {
    const same = Array.from({ length: MAX_LOSSES_IN_A_ROW + 1 }, (_, n) =>
      turn(lostIn('bash: pkill', n + 1)),
    );
    expect(drive([prepared, ...same])[1]).toEqual({ do: 'collect' });
    // Heartbeats of an attempt that only starts do not know what the turn has done.
    const starting = turn({ ...lost, last: { usage: { ...usage, modelRequests: 0, toolCalls: 0 } } });
    const [state] = drive([prepared, turn(lostIn('bash: a', 5)), starting, turn(lostIn('bash: b', 5))]);
    expect(state).toMatchObject({ lost: 3, losses: 3 });
  });

  it('takes a turn up at once that was lost a few times, then after ever longer pauses', () => {
    const pauses = [1, 2, 3, 4, 5, 6].map((times) => {
      const [, step] = drive([prepared, ...Array.from({ length: times }, () => turn(lost, 0))]);
      return step.do === 'turn' ? step.pause?.ms : step.do;
    });
    expect(pauses).toEqual([undefined, undefined, undefined, backoff(1, 0), backoff(2, 0), backoff(3, 0)]);
  });

  it('does not count an attempt that no worker took as lost', () => {
    const away = Array.from({ length: MAX_LOSSES_IN_A_ROW + 1 }, () =>
      turn({ ...lost, notStarted: true }, 0),
    );
    const [state, step] = drive([prepared, ...away]);
    expect(step).toEqual({ do: 'turn', slot: 'reacquire' });
    expect(state).toMatchObject({ lost: 0, notes: [] });
  });

  it('pauses before a retryable failure is tried again, as long as the server asked for', () => {
    const [, first] = drive([prepared, turn(failed)]);
    expect(first).toMatchObject({ do: 'pause', ms: backoff(1, 0) });
    expect(drive([prepared, turn({ ...failed, retryAfterMs: 600_000 })])[1]).toMatchObject({
      do: 'pause',
      ms: 600_000,
    });
    const rounds = Array.from({ length: MAX_TURN_FAILURES }, (): ActionResult[] => [
      turn(failed),
      { type: 'continued' },
    ]).flat();
    expect(drive([prepared, ...rounds.slice(0, -1)])[1]).toEqual({ do: 'collect' });
  });

  it('fails at once where trying again cannot help, and names the remedy', () => {
    const forbidden: TurnResult = {
      ...failed,
      class: 'credentials',
      message: '403',
      remedy: 'log in',
      retryable: false,
    };
    const [, end] = drive([prepared, turn(forbidden), collected]);
    expect(end).toEqual({
      do: 'end',
      verdict: {
        status: 'failed',
        failure: { class: 'model', cause: 'credentials', message: '403', remedy: 'log in' },
      },
    });
  });

  it('ends as timed out when the working time is used up, with what was done collected', () => {
    const [state, step] = drive([prepared, turn({ kind: 'timed-out', usage, notes: [] }, 60_000)]);
    expect(step).toEqual({ do: 'collect' });
    expect(state.verdict).toEqual({ status: 'timed-out' });
    expect(drive([prepared, turn(lost, 60_000)])[0].verdict).toEqual({ status: 'timed-out' });
  });
});

describe('what a turn used', () => {
  const used = (modelRequests: number): Usage => ({ ...usage, modelRequests });
  const requests = (state: SubagentState): number => flushUsage(state).usage.modelRequests;

  it('is counted where it ends without an account of its own, and once', () => {
    const [state] = drive([prepared, turn(lostIn('bash: a', 3)), turn(lostIn('bash: b', 5), 60_000)]);
    expect(state.verdict).toEqual({ status: 'timed-out' });
    expect(requests(state)).toBe(5);
    expect(requests(flushUsage(state))).toBe(5);
    // What stopping it finds is the same turn's, too.
    expect(flushUsage(state, { usage: used(6) }).usage.modelRequests).toBe(6);
    expect(flushUsage(state, { usage: used(1) }).usage.modelRequests).toBe(5);
  });

  it('is not counted twice where its next attempt tells of all of it', () => {
    const all = [
      turn(lostIn('bash: a', 3)),
      turn({ kind: 'interrupted', usage: used(0), notes: [] }),
      turn({
        kind: 'stuck',
        doing: 'thinking',
        silentMs: 1,
        since: '2026-01-01T00:00:00.000Z',
        usage: used(4),
        notes: [],
      }),
      { type: 'continued' } as const,
      turn({ ...failed, usage: used(5) }),
      { type: 'continued' } as const,
    ];
    expect(requests(drive([prepared, ...all])[0])).toBe(5);
    const [state] = drive([prepared, ...all, turn({ ...finished, usage: used(6) })]);
    expect(state.usage.modelRequests).toBe(6);
    expect(requests(state)).toBe(6);
  });

  it('in a conversation that is gone is counted beside that of the new one', () => {
    const events = [prepared, turn(lostIn('bash: a', 3)), turn({ ...gone, usage: used(0) })];
    const [state] = drive([...events, turn({ ...finished, usage: used(2) })]);
    expect(state.usage.modelRequests).toBe(5);
  });
});

describe('a turn that failed', () => {
  const expired: TurnResult = { ...failed, class: 'credentials', retryable: false, waitFor: 'credentials' };

  it('waits for new credentials as long as it takes, and says so once', () => {
    const wait = (waits: number, announce: boolean) => ({
      do: 'wait',
      for: 'credentials',
      ms: credentialsPause(waits, 0),
      why: '503',
      announce,
    });
    const rounds = (count: number): ActionResult[] =>
      Array.from({ length: count }, (): ActionResult[] => [turn(expired), { type: 'continued' }]).flat();
    expect(drive([prepared, turn(expired)])[1]).toEqual(wait(1, true));
    expect(drive([prepared, ...rounds(50), turn(expired)])[1]).toEqual(wait(51, false));
    // It worked in between: that the credentials ran out again is news.
    const later = { ...expired, usage: { ...usage, toolCalls: 7 } };
    expect(drive([prepared, ...rounds(50), turn(later)])[1]).toMatchObject({ announce: true });
  });

  it('waits for a limit to pass, longer each time', () => {
    const limited: TurnResult = { ...failed, class: 'rate-limit', waitFor: 'limit', retryAfterMs: 600_000 };
    const [, first] = drive([prepared, turn(limited)]);
    expect(first).toMatchObject({ do: 'wait', for: 'limit', ms: limitPause(600_000, 1, 0) });
    const [, second] = drive([prepared, turn(limited), { type: 'continued' }, turn(limited)]);
    expect(second).toMatchObject({ ms: limitPause(600_000, 2, 0) });
    expect(limitPause(600_000, 2, 0)).toBeGreaterThanOrEqual(1_200_000);
    // Never before the server said.
    expect(limitPause(7_200_000, 9, 0)).toBeGreaterThanOrEqual(7_200_000);
  });

  it('begins a new row of failures where it came further than before', () => {
    const at = (modelRequests: number): ActionResult[] => [
      turn({ ...failed, usage: { ...usage, modelRequests } }),
      { type: 'continued' },
    ];
    const many = Array.from({ length: 3 * MAX_TURN_FAILURES }, (_, index) => at(index + 1)).flat();
    expect(drive([prepared, ...many])[1]).toEqual({ do: 'turn', slot: 'keep' });
  });

  it('carries its silence over to the next attempt, but not that of a wait', () => {
    const lastEventAt = '2026-01-01T00:00:00.000Z';
    const [state] = drive([prepared, turn({ ...failed, lastEventAt }), { type: 'continued' }]);
    expect(state.silentSince).toBe(lastEventAt);
    expect(drive([prepared, turn({ ...expired, lastEventAt })])[0].silentSince).toBeUndefined();
  });

  it('pauses by its seed, the same each time, and longer with each failure', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 40 }), (seed, failures) => {
        const plain = Math.min(5_000 * 2 ** (failures - 1), 300_000);
        expect(backoff(failures, seed)).toBe(backoff(failures, seed));
        expect(backoff(failures, seed)).toBeGreaterThanOrEqual(plain);
        expect(backoff(failures, seed)).toBeLessThanOrEqual(plain * 1.25);
      }),
    );
    expect(new Set(Array.from({ length: 100 }, (_, seed) => backoff(1, seed * 7919))).size).toBeGreaterThan(
      50,
    );
  });
});

describe('a budget', () => {
  const own = { rules: { ...rules, budget: { tokens: 100, turns: 5, modelRequests: 10 } } };
  const spent = (tokens: number): Usage => ({ ...usage, inputTokens: tokens, outputTokens: 0 });
  const near: TurnResult = { kind: 'near-budget', usage: spent(80), notes: [] };

  it('is announced at 80 %, once, and the turn goes on', () => {
    const [state, step] = drive([prepared, turn(near)], own);
    expect(step).toEqual({ do: 'report-budget', summary: '80 of 100 tokens' });
    expect(allowance(state, own.rules.budget)).toEqual({
      left: { tokens: 100, modelRequests: 10 },
      noticeAt: { modelRequests: 8 },
    });
    const [on, again] = decideNextAction(state, { type: 'continued' }, own.rules);
    expect([on.turn, again]).toEqual([1, { do: 'turn', slot: 'keep' }]);
  });

  it('that is used up ends it, with what it did collected', () => {
    const over: TurnResult = { kind: 'over-budget', usage: spent(120), notes: [] };
    expect(drive([prepared, turn(over)], own)[1]).toEqual({ do: 'collect' });
    const [state, end] = drive([prepared, turn(over), collected], own);
    expect(end).toMatchObject({
      do: 'end',
      verdict: {
        status: 'over-budget',
        failure: { class: 'budget', message: 'its budget is used up: 120 of 100 tokens' },
      },
    });
    expect(state.evidence).toBe(evidence);
  });

  it('does not undo what was finished with the last of it', () => {
    const last: TurnResult = { ...finished, usage: spent(100) };
    expect(drive([prepared, turn(last), collected, verified()], own)[1]).toMatchObject({
      verdict: { status: 'done' },
    });
    // But a repair would need more.
    expect(drive([prepared, turn(last), collected, verified('broken')], own)[0].verdict).toMatchObject({
      status: 'over-budget',
    });
  });

  it('of turns is announced before the last fifth, and keeps the next from opening', () => {
    const round = [turn(finished), collected, verified('broken')];
    const two = { rules: { ...rules, maxRepairs: 9, budget: { turns: 5 } } };
    expect(drive([prepared, ...round, ...round, ...round], two)[1]).toEqual({ do: 'turn', slot: 'keep' });
    const four = [prepared, ...round, ...round, ...round, ...round];
    expect(drive(four, two)[1]).toEqual({ do: 'report-budget', summary: '4 of 5 turns' });
    const five: ActionResult[] = [...four, { type: 'continued' }, ...round];
    expect(drive(five, two)[0].verdict).toMatchObject({ status: 'over-budget' });
  });
});

describe('a worker that stays away', () => {
  it('is looked for half a minute after it was needed, then ever more rarely: a month of that fits into a history', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map((looks) => workerCheckPause(looks) / 1000)).toEqual([
      30, 60, 120, 240, 480, 600, 600,
    ]);
    const looks = (30 * 86_400_000) / workerCheckPause(1_000);
    // Each is a timer, an activity, and what the workflow does about them; the server ends it after 51,200 events.
    expect(looks * 11).toBeLessThan(51_200);
  });
});

describe('a subagent that stands still', () => {
  const since = '2026-01-01T00:00:00.000Z';
  const later = '2026-01-01T00:09:00.000Z';
  const failing = (lastEventAt: string, more: object = {}): ActionResult =>
    turn({ ...failed, lastEventAt, ...more });
  const wentOn = { type: 'continued' } as const;
  const repeating = (waits: boolean, count = 20): TurnResult => ({
    kind: 'stuck',
    doing: 'bash: npm test',
    silentMs: 0,
    since,
    usage,
    notes: [],
    repeats: { count, period: 1, waits },
  });

  it('by a model that fails does so since the last sign of life, until it moves', () => {
    const first = drive([prepared, failing(since)])[0];
    expect(first.stalled).toEqual({ reason: 'model', since, detail: '503' });
    expect(drive([prepared, failing(since), wentOn, failing(later)])[0].stalled?.since).toBe(since);
    const moved = turn({ kind: 'moving', usage, notes: [] });
    const [state, step] = drive([prepared, failing(since), wentOn, moved]);
    expect([state.stalled, step]).toEqual([undefined, { do: 'turn', slot: 'keep' }]);
    expect(drive([prepared, failing(since), wentOn, moved, failing(later)])[0].stalled?.since).toBe(later);
  });

  it('by answers that are none fails like any other: only tool calls are a way further', () => {
    const usageOf = (modelRequests: number, toolCalls: number) => ({
      usage: { ...usage, modelRequests, toolCalls },
    });
    const rounds = (toolCalls: (at: number) => number): ActionResult[] =>
      Array.from({ length: MAX_TURN_FAILURES }, (_, at) => [
        failing(since, usageOf(at + 1, toolCalls(at))),
        wentOn,
      ]).flat();
    expect(drive([prepared, ...rounds(() => 0).slice(0, -1)])[0].verdict).toMatchObject({ status: 'failed' });
    expect(drive([prepared, ...rounds((at) => at)])[0].verdict).toBeUndefined();
  });

  it('by a model that never answers has failed after a little more than a quarter of an hour, at the defaults', () => {
    const tookMs = [0, 1, 7, 7919, 2 ** 31].map((seed) => {
      const defaults = { ...rules, timeoutMs: DEFAULT_TIMEOUT_MS, seed };
      const silent = turn({ ...failed, class: 'network' }, DEFAULT_HUNG_MODEL_MS);
      let [state, action] = drive([prepared]);
      let ms = 0;
      while (action.do !== 'collect') {
        [state, action] = decideNextAction(state, silent, defaults);
        ms += DEFAULT_HUNG_MODEL_MS;
        if (action.do !== 'pause') continue;
        ms += action.ms;
        [state, action] = decideNextAction(state, wentOn, defaults);
      }
      expect(state.verdict).toMatchObject({
        status: 'failed',
        failure: { class: 'model', cause: 'network' },
      });
      return ms;
    });
    // Five silences of 3 minutes; between them 5, 10, 20 and 40 seconds, and up to a quarter more.
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(975_000);
    expect(Math.max(...tookMs)).toBeLessThanOrEqual(993_750);
  });

  it.each([
    [false, 'kill', 'kill'],
    [true, 'kill', 'report'],
    [true, 'nudge', 'nudge'],
  ] as const)('by the same calls over and over (that wait: %s), with %s: %s', (waits, onStuck, then) => {
    const [state, step] = drive([prepared, turn(repeating(waits))], { rules: { ...rules, onStuck } });
    expect(step).toMatchObject({ do: 'report-stuck', doing: 'bash: npm test', repeats: { count: 20 }, then });
    expect(state.stalled).toMatchObject({
      reason: 'repeating',
      since,
      detail: expect.stringContaining('20 equal calls') as string,
    });
  });
});

describe('a turn that goes on in Copilot while it is reported', () => {
  const stuck: TurnResult = { kind: 'stuck', doing: 'bash: sleep', silentMs: 5, since: '', usage, notes: [] };
  const near: TurnResult = { kind: 'near-budget', usage: { ...usage, inputTokens: 88 }, notes: [] };

  it.each<[string, TurnResult, NextAction['do'], SubagentState['attempt']]>([
    ['stuck', stuck, 'report-stuck', 'running'],
    ['nearly spent', near, 'report-budget', 'running'],
    ['moving again', { kind: 'moving', usage, notes: [] }, 'turn', 'running'],
    ['lost', lost, 'turn', 'lost'],
    ['failed', failed, 'pause', 'none'],
    ['finished', finished, 'collect', 'none'],
  ])('%s', (_what, result, action, attempt) => {
    const machine = new SubagentMachine(specOf({ ...rules, budget: { tokens: 100 } }), 0);
    machine.advance(prepared);
    machine.advance(setUp());
    machine.dispatch({ type: 'turn-started' });
    machine.dispatch({ type: 'turn-ended', attempt: attemptAfterResult(result) });
    machine.advance(turn(result));
    expect([machine.action.do, machine.state.attempt]).toEqual([action, attempt]);
  });

  it('takes no steer any more when it is killed for that', () => {
    const machine = new SubagentMachine(specOf(rules), 0);
    machine.dispatch({ type: 'turn-ended', attempt: 'running' });
    machine.dispatch({ type: 'stopped' });
    expect(machine.state.attempt).toBe('none');
  });
});

it('keeps the first entry of the audit, and the newest 99', () => {
  const machine = new SubagentMachine(specOf(rules), 0);
  for (let by = 1; by <= 250; by++)
    machine.dispatch({
      type: 'acted',
      entry: { at: '2026-01-01T00:00:00.000Z', action: 'steer', by: String(by) },
    });
  const kept = machine.state.audit.map(({ by }) => Number(by));
  expect(kept).toEqual([1, ...Array.from({ length: 99 }, (_, at) => 152 + at)]);
});

describe('a subagent that is stuck', () => {
  const stuck: TurnResult = {
    kind: 'stuck',
    doing: 'bash: sleep',
    silentMs: 600_000,
    since: '2026-01-01T00:00:00.000Z',
    usage,
    notes: [],
  };
  it.each(['report', 'nudge', 'kill'] as const)('is announced, and then: %s', (onStuck) => {
    const [state, step] = drive([prepared, turn(stuck)], { rules: { ...rules, onStuck } });
    expect(step).toEqual({ do: 'report-stuck', doing: 'bash: sleep', silentMs: 600_000, then: onStuck });
    expect(state.stalls).toBe(1);
  });
});

// ---- properties ---------------------------------------------------------------

const anyTurn: fc.Arbitrary<TurnResult> = fc.oneof(
  fc.constant<TurnResult>(finished),
  fc.constant<TurnResult>(lost),
  fc.constant<TurnResult>({ ...lost, who: 'runtime' }),
  fc.constant<TurnResult>({ ...lost, notStarted: true }),
  fc.nat({ max: 99 }).map((done): TurnResult => lostIn(`bash: ${done % 3}`, done)),
  fc.constant<TurnResult>({ kind: 'interrupted', usage, notes: [] }),
  fc.constant<TurnResult>(gone),
  fc.constant<TurnResult>({ kind: 'timed-out', usage, notes: [] }),
  fc.constant<TurnResult>({
    kind: 'stuck',
    doing: 'sleep',
    silentMs: 1,
    since: '2026-01-01T00:00:00.000Z',
    usage,
    notes: [],
  }),
  fc.constant<TurnResult>({
    kind: 'question',
    questions: [{ requestId: 'q', question: '?' }],
    usage,
    notes: [],
  }),
  fc.constant<TurnResult>({
    kind: 'question',
    questions: [],
    approvals: [{ id: 'a1', tool: 'bash', what: 'git push' }],
    usage,
    notes: [],
  }),
  fc.boolean().map((retryable): TurnResult => ({ ...failed, retryable })),
  fc
    .constantFrom('credentials' as const, 'limit' as const)
    .map((waitFor): TurnResult => ({ ...failed, retryable: false, waitFor })),
  fc.constant<TurnResult>({ kind: 'near-budget', usage, notes: [] }),
  fc.constant<TurnResult>({ kind: 'over-budget', usage, notes: [] }),
);

/** Something that can happen in answer to `step`. */
function answerTo(step: NextAction): fc.Arbitrary<ActionResult> {
  const failure = { class: 'workspace' as const, message: 'disk full' };
  switch (step.do) {
    case 'prepare':
      return fc.constantFrom<ActionResult>(prepared, { type: 'unprepared', failure });
    case 'set-up':
      return fc.constantFrom(setUp(), setUp({ class: 'setup', message: 'no network' }));
    case 'turn':
      return fc
        .tuple(anyTurn, fc.integer({ min: 0, max: 20_000 }))
        .map(([result, elapsedMs]) => turn(result, elapsedMs));
    case 'ask':
      return fc.constant<ActionResult>({ type: 'answered', answers: [{ requestId: 'q', answer: 'a' }] });
    case 'collect':
      return fc.constantFrom<ActionResult>(
        collected,
        { ...collected, output: { problem: 'it is not JSON' } },
        { ...collected, artifacts: { problem: 'there is no a.md' } },
        { type: 'uncollected', failure },
        { type: 'uncollected', failure, evidence: collected.evidence },
      );
    case 'verify':
      return fc.constantFrom<ActionResult>(verified(), verified('broken'), { type: 'unverified', failure });
    case 'push':
      return fc.constantFrom<ActionResult>(pushed(), pushed('no network'));
    default:
      return fc.constant<ActionResult>({ type: 'continued' });
  }
}

/** Rules of all kinds. */
const anyRules: fc.Arbitrary<SubagentRules> = fc.record({
  timeoutMs: fc.constantFrom(60_000, 1_000_000),
  maxRepairs: fc.integer({ min: 0, max: 3 }),
  verify: fc.boolean(),
  setUp: fc.boolean(),
  push: fc.boolean(),
  budget: fc.option(
    fc.record({ tokens: fc.integer({ min: 1, max: 300 }), turns: fc.integer({ min: 1, max: 9 }) }),
    { nil: undefined },
  ),
  onStuck: fc.constantFrom(undefined, 'report' as const, 'nudge' as const),
  seed: fc.integer(),
});

/** Classes of failure of what was done, after which its conversation could go on. */
const ENDED_BY_WORK: readonly string[] = ['verification', 'output', 'artifacts', 'push'];

/** Something that can happen beside the action that runs. */
const anyOccurrence: fc.Arbitrary<Occurrence> = fc.constantFrom<Occurrence>(
  { type: 'acted', entry: { at: '2026-01-01T00:00:00.000Z', action: 'steer', by: 'alice@laptop (library)' } },
  { type: 'note-added', note: 'its worker is back' },
  { type: 'cloned', repository: '/clone', defaults: { model: 'cloned' } },
  { type: 'turn-started' },
  { type: 'turn-ended', attempt: 'lost' },
  { type: 'action-interrupted', workedMs: 5, verifyingMs: 5 },
  { type: 'signal-ignored', name: 'steer', why: 'it has no message' },
);

/** One subagent from its start to its end, or as far as 300 actions go, with everything that a main agent and a reader see of it. */
function live(gen: fc.GeneratorValue, own: SubagentRules) {
  const machine = new SubagentMachine(specOf(own), own.seed ?? 0);
  const steered: string[] = [];
  const opened = new Set<string>();
  const statuses: Status[] = ['queued'];
  const notices: string[] = [];
  const occurrences: Occurrence[] = [];
  let slot = false;
  const become = (status: Status | undefined): void => {
    if (status !== undefined && statuses.at(-1) !== status) statuses.push(status);
  };
  for (let i = 0; i < 300 && machine.action.do !== 'end'; i++) {
    const { action } = machine;
    if (steered.length < 5 && gen(fc.boolean)) {
      steered.push(`s-${i}`);
      const steer = { id: `s-${i}`, message: 'm' };
      machine.dispatch({ type: 'steer-arrived', steer });
      machine.dispatch({ type: 'steer-held', steer });
    }
    const [waiting] = machine.state.held;
    if (action.do === 'turn' && waiting !== undefined && gen(fc.boolean)) {
      const receipt = { id: waiting.id, delivery: 'mid-turn' as const, at: '' };
      machine.dispatch({ type: 'held-steer-delivered', receipt });
      expect(machine.state.held).not.toContain(waiting);
      opened.add(waiting.id);
    }
    if (occurrences.length < 20 && gen(fc.boolean)) {
      const occurrence = gen(() => anyOccurrence);
      occurrences.push(occurrence);
      machine.dispatch(occurrence);
    }
    expect(machine.action).toBe(action);
    if (action.do === 'prepare' || action.do === 'set-up' || action.do === 'turn' || action.do === 'verify') {
      if (action.do === 'turn' && action.slot === 'reacquire') slot = false;
      if (!slot) become('queued');
      slot = true;
    }
    become(STATUS_DURING[action.do]);
    if (action.do === 'ask' || action.do === 'wait') slot = false;
    if (action.do === 'report-budget') notices.push(action.summary);
    // Nobody is at work: it says what it waits for, and for how long where nobody can end that.
    if (action.do === 'ask') expect(action.questions.length + action.approvals.length).toBeGreaterThan(0);
    if (action.do === 'wait' || action.do === 'pause') {
      expect(action.why).not.toBe('');
      expect(action.ms).toBeGreaterThan(0);
    }
    // Nothing writes into a state that there was.
    Object.freeze(machine.state);
    const result = gen(() => answerTo(action));
    if (result.type === 'turn')
      machine.dispatch({ type: 'turn-ended', attempt: attemptAfterResult(result.result) });
    machine.advance(result);
    const { do: next } = machine.action;
    if (result.type === 'turn' && next.startsWith('report-')) expect(machine.state.attempt).toBe('running');
    else if (next !== 'turn' && !next.startsWith('report-')) expect(machine.state.attempt).toBe('none');
    for (const { id } of machine.state.steers) opened.add(id);
  }
  const { action: step, state } = machine;
  if (step.do === 'end') {
    become('stopping');
    become(step.verdict.status);
  }
  return { state, step, steered, opened, statuses, notices, occurrences };
}

describe('every subagent, whatever happens', () => {
  it('ends with a verdict and its evidence, and drops no steer', () => {
    fc.assert(
      fc.property(fc.gen(), anyRules, (gen, own) => {
        const { state, step, steered, opened } = live(gen, own);
        if (step.do !== 'end') return; // a run of questions and waits may be that long: it waits for its main agent
        const { verdict } = step;
        expect(state.verdict).toEqual(verdict);
        if (verdict.status === 'failed') expect(verdict.failure).toBeDefined();
        if (verdict.status === 'done') {
          expect(verdict.failure).toBeUndefined();
          expect(state.evidence).toBeDefined();
          expect(state.verifications.every((each) => each.exitCode === 0)).toBe(true);
          expect(state.verifications.length > 0).toBe(own.verify);
          expect(state.setup.length > 0).toBe(own.setUp);
        }
        // Whatever was said while its work was looked at has opened a turn.
        if (verdict.status === 'done' || ENDED_BY_WORK.includes(verdict.failure?.class ?? ''))
          expect(steered.every((id) => opened.has(id))).toBe(true);
        // A message opened a turn, or is still there to be told of.
        for (const id of steered)
          expect(opened.has(id) || state.held.some((held) => held.id === id)).toBe(true);
        expect(state.repairs).toBeLessThanOrEqual(own.maxRepairs);
        expect(state.losses).toBeLessThanOrEqual(MAX_LOSSES + 1);
        if (own.budget?.turns !== undefined) expect(state.turn).toBeLessThanOrEqual(own.budget.turns);
      }),
    );
  });

  it('keeps what happened beside its actions', () => {
    fc.assert(
      fc.property(fc.gen(), anyRules, (gen, own) => {
        const { state, steered, occurrences } = live(gen, own);
        const count = (type: Occurrence['type']) => occurrences.filter((each) => each.type === type).length;
        expect(state.notes.filter((note) => note === 'its worker is back')).toHaveLength(count('note-added'));
        expect(state.audit).toHaveLength(Math.min(100, count('acted')));
        expect(state.ignoredSignals.count).toBe(count('signal-ignored'));
        expect(state.workedMs).toBeGreaterThanOrEqual(5 * count('action-interrupted'));
        expect(state.spec.model).toBe(count('cloned') > 0 ? 'cloned' : undefined);
        expect(state.repository).toBe(count('cloned') > 0 ? '/clone' : undefined);
        expect(state.steerLog.map(({ id }) => id)).toEqual(steered);
      }),
    );
  });

  it('announces each part of a budget at most once', () => {
    fc.assert(
      fc.property(fc.gen(), anyRules, (gen, own) => {
        const { notices } = live(gen, own);
        const parts = notices.flatMap((words) => words.split(', ').map((part) => part.split(' ').at(-1)));
        expect(new Set(parts).size).toBe(parts.length);
      }),
    );
  });

  it('goes only from state to state as drawn, and by every way that is drawn', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.gen(), anyRules, (gen, own) => {
        const { statuses } = live(gen, own);
        statuses.slice(1).forEach((status, index) => {
          const from = statuses[index] ?? 'queued';
          expect(isTransition(from, status), `${from} to ${status}`).toBe(true);
          seen.add(`${from} ${status}`);
        });
      }),
      { numRuns: 2_000, seed: 1 },
    );
    const drawn = TRANSITIONS.map(({ from, to }) => `${from} ${to}`);
    // A kill comes from outside, and a worker may die under any activity: tests on real parts have these.
    const outside = [
      'queued stopping',
      'queued killed',
      'queued verifying',
      'preparing queued',
      'verifying queued',
      'asking stopping',
      'waiting stopping',
      'stopping killed',
    ];
    expect(drawn.filter((way) => !seen.has(way) && !outside.includes(way))).toEqual([]);
  });
});

describe('histories', () => {
  const folder = fileURLToPath(new URL('../histories/', import.meta.url));
  const files = readdirSync(folder).filter((name) => name.startsWith('subagent-'));

  it.each(files)('%s went from state to state as drawn', (name) => {
    const history = JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as {
      events: {
        upsertWorkflowSearchAttributesEventAttributes?: {
          searchAttributes: { indexedFields: Record<string, { data: string }> };
        };
      }[];
    };
    const statuses = history.events.flatMap((event): Status[] => {
      const field =
        event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes.indexedFields[
          SEARCH_ATTRIBUTES.status
        ];
      return field ? ([JSON.parse(Buffer.from(field.data, 'base64').toString())].flat() as Status[]) : [];
    });
    expect(statuses.length).toBeGreaterThan(1);
    statuses.forEach((status, index) => {
      const from = statuses[index - 1] ?? 'queued';
      expect(isTransition(from, status), `${from} to ${status}`).toBe(true);
    });
  });
});
