/** The state of one subagent, and the rules of its spec: everything that the decisions of `lifecycle.ts` depend on. */
import {
  NO_USAGE,
  type Budget,
  type Caveat,
  type Denial,
  type Evidence,
  type Failure,
  type FinalStatus,
  type OnStuck,
  type Push,
  type Receipt,
  type ResolvedSpec,
  type Spent,
  type StallReason,
  type Usage,
  type Verification,
  type Workspace,
} from '../../src/contract/index.ts';
import type { Dimension } from './budget.ts';
import { NONE_LEFT_OUT, type LeftOut } from '../session/left-out.ts';

/** A steer that no turn has taken yet. */
export interface HeldSteer {
  readonly id: string;
  readonly message: string;
}

/** A steer that has arrived, with its receipt once it has one. */
export interface SteerRecord extends HeldSteer {
  readonly receipt?: Receipt;
  /** Whether what runs is to be stopped first. */
  readonly interrupt?: boolean;
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

/** What a turn stands still for. */
export interface Stall {
  readonly reason: Exclude<StallReason, 'question' | 'worker' | 'workflow'>;
  /** ISO 8601; undefined where the turn did not come so far. */
  readonly since: string | undefined;
  /** On one line. */
  readonly detail: string;
}

/** How it will end, once that is known. */
export interface PlannedEnd {
  readonly status: Exclude<FinalStatus, 'killed' | 'lost'>;
  readonly failure?: Failure;
}

/** Everything the decisions depend on. */
export interface SubagentState {
  /** What was asked for; once a repository named by URL is cloned, with what that says of what the spawn left open. */
  readonly spec: ResolvedSpec;
  /** The clone that has the branch, where the spec names a URL. */
  readonly repository: string | undefined;
  /** Where it works, once that has been made. */
  readonly workspace: Workspace | undefined;
  /**
   * Whether the turn runs, and takes steers: also while it is reported, between two attempts. `lost`: an attempt was lost or
   * interrupted, and the next has not begun.
   */
  readonly attempt: 'none' | 'running' | 'lost';
  /** The newest steers, oldest first; none without a receipt is dropped. */
  readonly steerLog: readonly SteerRecord[];
  /** Signals that could not be read, or came after the end. */
  readonly leftOut: LeftOut;
  /** Number of the current turn, from 1; 0 before the first. */
  readonly turn: number;
  readonly opening: Opening;
  /** Steers that opened this turn with it. */
  readonly steers: readonly HeldSteer[];
  /** Steers that wait for the next turn. */
  readonly held: readonly HeldSteer[];
  /** Attempts of this turn that failed, were lost, or stood still, in a row. */
  readonly failures: number;
  /** How often in a row it waited for its model: for new credentials, or a limit to pass. */
  readonly waits: number;
  /** Tool calls that this turn had made when it failed last: more of them, and it came further. Answers without any may be no answers. */
  readonly toolCallsAtFailure: number;
  /** ISO 8601: the last sign of life before attempts of this turn that failed. */
  readonly silentSince: string | undefined;
  /** Losses of attempts of this turn in a row, between which it did not come further. */
  readonly lost: number;
  /** All its losses. */
  readonly losses: number;
  /** Model requests and tool calls that this turn had when it was lost last: more of them, and it came further. */
  readonly doneAtLoss: number;
  /** The tool call that ran then. The same once more is no way further: it may be what kills its worker. */
  readonly ranAtLoss: string | undefined;
  /** Of a turn that begins a new conversation, since the one before could not be resumed: what is known of the work. */
  readonly handover: string | undefined;
  readonly stalls: number;
  /** What its turn stands still for, as far as the turn itself goes. */
  readonly stalled: Stall | undefined;
  readonly repairs: number;
  /** Turns spent on reports that were not the data that was asked for. */
  readonly outputRepairs: number;
  /** Turns spent on work that no commit had. */
  readonly unsavedRepairs: number;
  readonly workedMs: number;
  readonly verifyingMs: number;
  readonly report: string;
  /** Characters of the whole final message, where `report` is only its beginning. */
  readonly reportChars: number | undefined;
  /** Whether the model's output limit ended the report. */
  readonly cut: boolean;
  /** The data of the report. */
  readonly output: unknown;
  /** The files that it hands on. */
  readonly artifacts: Readonly<Record<string, string>> | undefined;
  readonly model: string | undefined;
  readonly usage: Usage;
  /** What the current turn has used that is not counted yet. The turn's next account has it, if there is one. */
  readonly pendingUsage: Spent | undefined;
  readonly denials: readonly Denial[];
  /** What of the repository's own was loaded into Copilot. */
  readonly loaded: readonly string[];
  readonly evidence: Evidence | undefined;
  /** Of the last collection, and what followed on it. */
  readonly caveats: readonly Caveat[];
  readonly setup: readonly Verification[];
  readonly verifications: readonly Verification[];
  readonly push: Push | undefined;
  readonly verdict: PlannedEnd | undefined;
  /** What of its budget was announced as nearly used up. */
  readonly noticed: readonly Dimension[];
  readonly notes: readonly string[];
}

/** A turn of which no attempt was made yet. */
export const FRESH_TURN = {
  failures: 0,
  waits: 0,
  toolCallsAtFailure: 0,
  silentSince: undefined,
  lost: 0,
  losses: 0,
  doneAtLoss: 0,
  ranAtLoss: undefined,
  handover: undefined,
  stalls: 0,
  stalled: undefined,
} as const satisfies Partial<SubagentState>;

/** The state before the first action. */
export function initialState(spec: ResolvedSpec): SubagentState {
  return {
    spec,
    repository: undefined,
    workspace: undefined,
    attempt: 'none',
    steerLog: [],
    leftOut: NONE_LEFT_OUT,
    turn: 0,
    opening: { kind: 'task' },
    steers: [],
    held: [],
    ...FRESH_TURN,
    repairs: 0,
    outputRepairs: 0,
    unsavedRepairs: 0,
    workedMs: 0,
    verifyingMs: 0,
    report: '',
    reportChars: undefined,
    cut: false,
    output: undefined,
    artifacts: undefined,
    model: undefined,
    usage: NO_USAGE,
    pendingUsage: undefined,
    denials: [],
    loaded: [],
    evidence: undefined,
    caveats: [],
    setup: [],
    verifications: [],
    push: undefined,
    verdict: undefined,
    noticed: [],
    notes: [],
  };
}

/** The spec's part that the decisions depend on; see `rulesOf`. */
export interface Rules {
  readonly timeoutMs: number;
  readonly maxRepairs: number;
  readonly verify: boolean;
  readonly setUp: boolean;
  /** Its report is to be data. Default: no. */
  readonly output?: boolean;
  /** Default: no. */
  readonly push?: boolean;
  /** Whether it is pushed with a blocking caveat, too. Default: no. */
  readonly force?: boolean;
  readonly budget?: Budget | undefined;
  /** Default: report. */
  readonly onStuck?: OnStuck | undefined;
  /** Spreads pauses; default 0. */
  readonly seed?: number;
}

/** The rules of a spec. Asked anew for every decision: what a repository says that is named by URL is in the spec only once it is cloned. */
export function rulesOf(spec: ResolvedSpec, seed: number): Rules {
  return {
    timeoutMs: spec.timeoutMs,
    maxRepairs: spec.maxRepairs,
    verify: spec.verify.length > 0,
    setUp: spec.setup.length > 0,
    output: spec.output !== undefined,
    push: spec.push ?? false,
    force: spec.force ?? false,
    budget: spec.budget,
    onStuck: spec.onStuck,
    seed,
  };
}
