import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Evidence, Failure, TurnResult, Usage } from '../../src/contract/index.ts';
import { MAX_LOST_ATTEMPTS, MAX_TURN_FAILURES } from '../../workflows/after-turn.ts';
import { begin, hold, type Happened, type Life, type Rules, type Step } from '../../workflows/life.ts';
import { next } from '../../workflows/lifecycle.ts';

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
const rules: Rules = { timeoutMs: 60_000, maxRepairs: 2, verify: true, setUp: false };
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

/** Drives a life through `events` from its beginning; each must answer the step before it. */
function drive(
  events: Happened[],
  options: { rules?: Rules; life?: (life: Life) => Life } = {},
): [Life, Step] {
  let [life, step] = begin();
  for (const event of events) {
    life = options.life?.(life) ?? life;
    [life, step] = next(life, event, options.rules ?? rules);
  }
  return [life, step];
}

const prepared: Happened = { type: 'prepared', notes: [] };
const setUp = (failure?: Failure): Happened => ({
  type: 'set-up',
  results: [{ command: 'npm ci', exitCode: failure ? 1 : 0, durationMs: 5, outputTail: '' }],
  notes: [],
  failure,
});
const turn = (result: TurnResult, elapsedMs = 100): Happened => ({ type: 'turn', result, elapsedMs });
const collected: Happened = { type: 'collected', evidence, notes: [] };
const verified = (problem?: string): Happened => ({
  type: 'verified',
  verifications: [
    { command: 'npm test', exitCode: problem === undefined ? 0 : 1, durationMs: 5, outputTail: '' },
  ],
  problem,
  notes: [],
  elapsedMs: 5,
});

describe('the lifecycle', () => {
  it('prepares, works, collects, verifies, and is done', () => {
    expect(drive([])[1]).toEqual({ do: 'prepare' });
    expect(drive([prepared])[1]).toEqual({ do: 'turn', room: 'keep' });
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
    const [life, step] = drive([prepared, setUp()], own);
    expect(step).toEqual({ do: 'turn', room: 'keep' });
    expect(life.turn).toBe(1);
  });

  it('fails with its set-up, with what there is collected and no turn begun', () => {
    const own = { rules: { ...rules, setUp: true } };
    const failure: Failure = { class: 'setup', message: '`npm ci` exited with 1' };
    expect(drive([prepared, setUp(failure)], own)[1]).toEqual({ do: 'collect' });
    const [life, end] = drive([prepared, setUp(failure), collected], own);
    expect(end).toEqual({ do: 'end', verdict: { status: 'failed', failure } });
    expect(life).toMatchObject({ turn: 0, setup: [{ command: 'npm ci', exitCode: 1 }] });
  });

  it('is done after collecting when there is nothing to verify', () => {
    const [, step] = drive([prepared, turn(finished), collected], { rules: { ...rules, verify: false } });
    expect(step).toEqual({ do: 'end', verdict: { status: 'done' } });
  });

  it('sends a failed verification back twice, then fails with the command', () => {
    const round = [turn(finished), collected, verified('npm test failed')];
    const [repairing, again] = drive([prepared, ...round]);
    expect(again).toEqual({ do: 'turn', room: 'keep' });
    expect(repairing.opening).toEqual({ kind: 'repair', problem: 'npm test failed' });
    const [, end] = drive([prepared, ...round, ...round, ...round]);
    expect(end).toEqual({
      do: 'end',
      verdict: { status: 'failed', failure: { class: 'verification', message: '`npm test` exited with 1' } },
    });
  });

  it('opens a turn with steers that came too late for the last one, instead of ending', () => {
    const steer = { id: 's-1', message: 'also the docs' };
    const [life] = drive([prepared, turn(finished), collected]);
    const [after, step] = next(hold(life, steer), verified(), rules);
    expect(step).toEqual({ do: 'turn', room: 'keep' });
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
    const [life, step] = drive([prepared, turn(asked)]);
    expect(step).toEqual({ do: 'ask', questions: [{ id: 'q1', question: 'which?' }] });
    const steer = { id: 's-1', message: 'later' };
    const [answered, go] = next(
      hold(life, steer),
      { type: 'answered', answers: [{ requestId: 'q1', answer: 'this' }] },
      rules,
    );
    expect(go).toEqual({ do: 'turn', room: 'retake' });
    expect(answered.held).toEqual([steer]);
    expect(answered.steers).toEqual([]);
  });

  it('takes a lost turn up again under the same number, and room again when the worker was lost', () => {
    const [life, step] = drive([prepared, turn(lost)]);
    expect(life.turn).toBe(1);
    expect(step).toEqual({ do: 'turn', room: 'retake' });
    const [, runtime] = drive([prepared, turn({ ...lost, who: 'runtime' })]);
    expect(runtime).toEqual({ do: 'turn', room: 'keep' });
  });

  it('gives a turn up that is lost each time, and keeps its work', () => {
    const losses = Array.from({ length: MAX_LOST_ATTEMPTS + 1 }, () => turn(lost, 0));
    expect(drive([prepared, ...losses])[1]).toEqual({ do: 'collect' });
    const [, end] = drive([prepared, ...losses, collected]);
    expect(end).toMatchObject({ do: 'end', verdict: { status: 'failed', failure: { class: 'copilot' } } });
  });

  it('pauses before a retryable failure is tried again, as long as the server asked for', () => {
    expect(drive([prepared, turn(failed)])[1]).toMatchObject({ do: 'pause', ms: 5_000 });
    expect(drive([prepared, turn({ ...failed, retryAfterMs: 600_000 })])[1]).toMatchObject({
      do: 'pause',
      ms: 600_000,
    });
    const rounds = Array.from({ length: MAX_TURN_FAILURES }, (): Happened[] => [
      turn(failed),
      { type: 'went-on' },
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
      verdict: { status: 'failed', failure: { class: 'model', message: '403', remedy: 'log in' } },
    });
  });

  it('ends as timed out when the working time is used up, with what was done collected', () => {
    const [life, step] = drive([prepared, turn({ kind: 'timed-out', usage, notes: [] }, 60_000)]);
    expect(step).toEqual({ do: 'collect' });
    expect(life.verdict).toEqual({ status: 'timed-out' });
    expect(drive([prepared, turn(lost, 60_000)])[0].verdict).toEqual({ status: 'timed-out' });
  });
});

// ---- properties ---------------------------------------------------------------

const anyTurn: fc.Arbitrary<TurnResult> = fc.oneof(
  fc.constant<TurnResult>(finished),
  fc.constant<TurnResult>(lost),
  fc.constant<TurnResult>({ ...lost, who: 'runtime' }),
  fc.constant<TurnResult>({ kind: 'handed-back', usage, notes: [] }),
  fc.constant<TurnResult>({ kind: 'timed-out', usage, notes: [] }),
  fc.constant<TurnResult>({ kind: 'stuck', doing: 'sleep', silentMs: 1, usage, notes: [] }),
  fc.constant<TurnResult>({
    kind: 'question',
    questions: [{ requestId: 'q', question: '?' }],
    usage,
    notes: [],
  }),
  fc.boolean().map((retryable): TurnResult => ({ ...failed, retryable })),
);

/** Something that can happen in answer to `step`. */
function answerTo(step: Step): fc.Arbitrary<Happened> {
  const failure = { class: 'workspace' as const, message: 'disk full' };
  switch (step.do) {
    case 'prepare':
      return fc.constantFrom<Happened>(prepared, { type: 'unprepared', failure });
    case 'set-up':
      return fc.constantFrom(setUp(), setUp({ class: 'setup', message: 'no network' }));
    case 'turn':
      return fc
        .tuple(anyTurn, fc.integer({ min: 0, max: 20_000 }))
        .map(([result, elapsedMs]) => turn(result, elapsedMs));
    case 'ask':
      return fc.constant<Happened>({ type: 'answered', answers: [{ requestId: 'q', answer: 'a' }] });
    case 'collect':
      return fc.constantFrom<Happened>(collected, { type: 'uncollected', failure });
    case 'verify':
      return fc.constantFrom(verified(), verified('broken'));
    default:
      return fc.constant<Happened>({ type: 'went-on' });
  }
}

describe('every life, whatever happens', () => {
  it('ends with a verdict, after at most one collection for each end, and drops no steer', () => {
    fc.assert(
      fc.property(fc.gen(), fc.boolean(), fc.boolean(), (gen, verify, settingUp) => {
        const own: Rules = { ...rules, verify, setUp: settingUp };
        let [life, step] = begin();
        const steered: string[] = [];
        const opened = new Set<string>();
        for (let i = 0; i < 500 && step.do !== 'end'; i++) {
          if (steered.length < 5 && gen(fc.boolean)) {
            steered.push(`s-${i}`);
            life = hold(life, { id: `s-${i}`, message: 'm' });
          }
          const before = step;
          [life, step] = next(
            life,
            gen(() => answerTo(before)),
            own,
          );
          for (const { id } of life.steers) opened.add(id);
        }
        if (step.do !== 'end') return; // a run of questions and stalls may be that long: it waits for its main agent
        const { verdict } = step;
        expect(life.verdict).toEqual(verdict);
        expect(verdict.status === 'failed').toBe(verdict.failure !== undefined);
        if (verdict.status === 'done') {
          expect(life.evidence).toBeDefined();
          expect(life.verifications.every((each) => each.exitCode === 0)).toBe(true);
          expect(life.verifications.length > 0).toBe(verify);
          expect(life.setup.length > 0).toBe(settingUp);
          expect(steered.every((id) => opened.has(id))).toBe(true);
        }
        expect(life.repairs).toBeLessThanOrEqual(own.maxRepairs);
      }),
    );
  });
});
