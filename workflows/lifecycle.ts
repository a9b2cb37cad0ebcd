/**
 * The life of one subagent as pure decisions: (life so far, what happened) to (life, what to do next).
 * No Temporal, no clock, no I/O: `subagent.ts` performs the steps, tests drive this with random events.
 */
import type {
  Evidence,
  Failure,
  FinalStatus,
  Question,
  TurnResult,
  Usage,
  Verification,
} from '../src/contract/index.ts';

/** A steer that no turn has taken yet. */
export interface HeldSteer {
  readonly id: string;
  readonly message: string;
}

/** What opens a turn, along with the steers held until then; answers go on with a turn that asked. */
export type Opening =
  | { readonly kind: 'task' }
  | { readonly kind: 'steers' }
  | { readonly kind: 'repair'; readonly problem: string }
  | {
      readonly kind: 'answers';
      readonly answers: readonly { readonly requestId: string; readonly answer: string }[];
    };

/** How it will end, once that is known. */
export interface Verdict {
  readonly status: Exclude<FinalStatus, 'killed' | 'lost'>;
  readonly failure?: Failure;
}

/** Everything the decisions depend on. */
export interface Life {
  /** Number of the current turn, from 1; 0 before the first. */
  readonly turn: number;
  readonly opening: Opening;
  /** Steers that opened this turn with it. */
  readonly steers: readonly HeldSteer[];
  /** Steers that wait for the next turn. */
  readonly held: readonly HeldSteer[];
  /** Attempts of this turn that failed, were lost, or stood still, in a row. */
  readonly failures: number;
  readonly lost: number;
  readonly stalls: number;
  readonly repairs: number;
  readonly workedMs: number;
  readonly verifyingMs: number;
  readonly report: string;
  readonly model: string | undefined;
  readonly usage: Usage;
  readonly evidence: Evidence | undefined;
  readonly verifications: readonly Verification[];
  readonly verdict: Verdict | undefined;
  readonly notes: readonly string[];
}

/** The spec's part that the decisions depend on. */
export interface Rules {
  readonly timeoutMs: number;
  readonly maxRepairs: number;
  readonly verify: boolean;
}

/** What to do next. */
export type Step =
  | { readonly do: 'prepare' }
  | { readonly do: 'turn'; readonly room: 'keep' | 'retake' }
  | { readonly do: 'pause'; readonly ms: number; readonly why: string }
  | { readonly do: 'ask'; readonly questions: readonly Omit<Question, 'at'>[] }
  | { readonly do: 'report-stuck'; readonly doing: string; readonly silentMs: number }
  | { readonly do: 'collect' }
  | { readonly do: 'verify' }
  | { readonly do: 'end'; readonly verdict: Verdict };

/** What happened: the result of the last step. */
export type Happened =
  | { readonly type: 'prepared'; readonly notes: readonly string[] }
  | { readonly type: 'unprepared'; readonly failure: Failure }
  | { readonly type: 'turn'; readonly result: TurnResult; readonly elapsedMs: number }
  | { readonly type: 'went-on' }
  | {
      readonly type: 'answered';
      readonly answers: readonly { readonly requestId: string; readonly answer: string }[];
    }
  | { readonly type: 'collected'; readonly evidence: Evidence; readonly notes: readonly string[] }
  | { readonly type: 'uncollected'; readonly failure: Failure }
  | {
      readonly type: 'verified';
      readonly verifications: readonly Verification[];
      readonly problem: string | undefined;
      readonly notes: readonly string[];
      readonly elapsedMs: number;
    };

/** Failed attempts of one turn in a row that are tried again before the subagent fails. */
export const MAX_TURN_FAILURES = 5;
/** Lost attempts of one turn in a row: a turn that kills its worker each time must not do so for ever. */
export const MAX_LOST_ATTEMPTS = 10;

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, modelRequests: 0, toolCalls: 0 };

/** The first step of every subagent, with the life it begins. */
export function begin(): [Life, Step] {
  const life: Life = {
    turn: 0,
    opening: { kind: 'task' },
    steers: [],
    held: [],
    failures: 0,
    lost: 0,
    stalls: 0,
    repairs: 0,
    workedMs: 0,
    verifyingMs: 0,
    report: '',
    model: undefined,
    usage: NO_USAGE,
    evidence: undefined,
    verifications: [],
    verdict: undefined,
    notes: [],
  };
  return [life, { do: 'prepare' }];
}

/** Keeps a steer for the next turn. */
export function hold(life: Life, steer: HeldSteer): Life {
  return { ...life, held: [...life.held, steer] };
}

/** Decides what to do after `happened`. */
export function next(life: Life, happened: Happened, rules: Rules): [Life, Step] {
  switch (happened.type) {
    case 'prepared':
      return openTurn(
        { ...life, notes: [...life.notes, ...happened.notes] },
        { kind: 'task' },
        'keep',
        rules,
      );
    case 'unprepared':
      return end(life, { status: 'failed', failure: happened.failure });
    case 'uncollected':
      return end(life, life.verdict ?? { status: 'failed', failure: happened.failure });
    case 'turn':
      return afterTurn({ ...life, workedMs: life.workedMs + happened.elapsedMs }, happened.result, rules);
    case 'went-on':
      return attemptTurn(life, 'keep', rules);
    case 'answered':
      return openTurn(life, { kind: 'answers', answers: happened.answers }, 'retake', rules);
    case 'collected': {
      const collected = { ...life, evidence: happened.evidence, notes: [...life.notes, ...happened.notes] };
      if (life.verdict) return end(collected, life.verdict);
      return rules.verify ? [collected, { do: 'verify' }] : afterWork(collected, rules);
    }
    case 'verified':
      return afterVerify(life, happened, rules);
  }
}

function afterTurn(life: Life, result: TurnResult, rules: Rules): [Life, Step] {
  if (result.kind === 'lost' || result.kind === 'handed-back') return takeUpAgain(life, result, rules);
  const known: Life = {
    ...life,
    lost: 0,
    model: result.model ?? life.model,
    notes: [...life.notes, ...result.notes],
  };
  switch (result.kind) {
    case 'finished':
      return [
        { ...spend(known, result.usage), failures: 0, stalls: 0, report: result.report },
        { do: 'collect' },
      ];
    case 'question':
      return [
        { ...spend(known, result.usage), failures: 0, stalls: 0 },
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
      return conclude(spend(known, result.usage), { status: 'timed-out' });
    case 'failed': {
      const failures = known.failures + 1;
      if (result.retryable && failures < MAX_TURN_FAILURES) {
        return [
          { ...known, failures },
          { do: 'pause', ms: result.retryAfterMs ?? backoff(failures), why: result.message },
        ];
      }
      return conclude(spend({ ...known, failures }, result.usage), {
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

function openTurn(life: Life, opening: Opening, room: 'keep' | 'retake', rules: Rules): [Life, Step] {
  // While calls wait for their answers Copilot takes no other message: steers stay held for the turn after.
  const [steers, held] = opening.kind === 'answers' ? [[], life.held] : [life.held, []];
  return attemptTurn(
    { ...life, turn: life.turn + 1, opening, steers, held, failures: 0, lost: 0, stalls: 0 },
    room,
    rules,
  );
}

function attemptTurn(life: Life, room: 'keep' | 'retake', rules: Rules): [Life, Step] {
  if (life.workedMs >= rules.timeoutMs) return conclude(life, { status: 'timed-out' });
  return [life, { do: 'turn', room }];
}

/** The end is decided; what was done is still collected first. */
function conclude(life: Life, verdict: Verdict): [Life, Step] {
  return [{ ...life, verdict }, { do: 'collect' }];
}

function end(life: Life, verdict: Verdict): [Life, Step] {
  return [
    { ...life, verdict },
    { do: 'end', verdict },
  ];
}

/** Counts what a turn used, and notes the model that it used. */
export function spend(life: Life, usage: Usage, model = life.model): Life {
  return {
    ...life,
    model,
    usage: {
      inputTokens: life.usage.inputTokens + usage.inputTokens,
      outputTokens: life.usage.outputTokens + usage.outputTokens,
      cachedTokens: life.usage.cachedTokens + usage.cachedTokens,
      modelRequests: life.usage.modelRequests + usage.modelRequests,
      toolCalls: life.usage.toolCalls + usage.toolCalls,
    },
  };
}

/** 5 s, 10 s, 20 s, … at most 5 minutes. */
function backoff(failures: number): number {
  return Math.min(5_000 * 2 ** (failures - 1), 300_000);
}

function firstProblem(verifications: readonly Verification[]): string | undefined {
  const failed = verifications.find((each) => each.exitCode !== 0);
  return failed && `\`${failed.command}\` ${failed.problem ?? `exited with ${failed.exitCode}`}`;
}
