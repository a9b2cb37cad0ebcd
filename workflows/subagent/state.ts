/** The state of one subagent and the rules of its spec: everything that the decisions of `lifecycle.ts` depend on. */
import {
  NO_USAGE,
  type AuditEntry,
  type Budget,
  type Caveat,
  type Denial,
  type Evidence,
  type Failure,
  type FinalStatus,
  type OnStuck,
  type Push,
  type Saved,
  type Receipt,
  type ResolvedSpec,
  type TurnUsage,
  type StallReason,
  type Usage,
  type Verification,
  type Workspace,
} from '../../src/contract/index.ts';
import type { Opening } from '../../src/prompts/index.ts';
import { NO_APPROVALS, type Approvals } from './approvals.ts';
import type { Dimension } from './budget.ts';
import { NO_IGNORED_SIGNALS, type IgnoredSignals } from '../shared/ignored-signals.ts';

/** A steer that no turn has received yet. */
export interface HeldSteer {
  readonly id: string;
  readonly message: string;
}

/** A steer that has arrived, with its receipt once there is one. */
export interface SteerRecord extends HeldSteer {
  readonly receipt?: Receipt;
  /** Whether to interrupt what runs before the steer is delivered. */
  readonly interrupt?: boolean;
}

/** Why a turn makes no progress. */
export interface Stall {
  readonly reason: Exclude<StallReason, 'question' | 'approval' | 'worker' | 'workflow'>;
  /** ISO 8601; undefined if the turn did not get far enough to know it. */
  readonly since: string | undefined;
  /** One line of text. */
  readonly detail: string;
}

/** The planned end of a subagent. */
export interface PlannedEnd {
  readonly status: Exclude<FinalStatus, 'killed' | 'lost'>;
  readonly failure?: Failure;
}

/** Everything the decisions depend on. */
export interface SubagentState {
  /** The resolved spec. For a repository named by URL, the repository's settings are added once it is cloned. */
  readonly spec: ResolvedSpec;
  /** The clone that has the branch, if the spec names a URL. */
  readonly repository: string | undefined;
  /** Where the subagent works, once the workspace is made. */
  readonly workspace: Workspace | undefined;
  /**
   * Whether the turn runs and accepts steers, including while it is reported on between two attempts. `lost`: an
   * attempt was lost or interrupted, and the next one has not begun.
   */
  readonly attempt: 'none' | 'running' | 'lost';
  /** The newest steers, oldest first; a steer without a receipt is never dropped. */
  readonly steerLog: readonly SteerRecord[];
  /** Tool calls that need an approval, and the decisions. */
  readonly approvals: Approvals;
  /** Signals that could not be read, or arrived after the end. */
  readonly ignoredSignals: IgnoredSignals;
  /** Number of the current turn, from 1; 0 before the first. */
  readonly turn: number;
  readonly opening: Opening;
  /** Steers that opened this turn, in addition to `opening`. */
  readonly steers: readonly HeldSteer[];
  /** Steers that wait for the next turn. */
  readonly held: readonly HeldSteer[];
  /** Failed attempts of this turn in a row. */
  readonly failures: number;
  /** Waits of this turn in a row: for credentials, for a limit to pass or for disk space. */
  readonly waits: number;
  /**
   * Tool calls of this turn at its last failure. Only more tool calls count as progress: a failing model may answer
   * without any.
   */
  readonly toolCallsAtFailure: number;
  /** ISO 8601: the last sign of life before the failed attempts of this turn. */
  readonly silentSince: string | undefined;
  /** Lost attempts of this turn in a row without progress in between. */
  readonly lost: number;
  /** All lost attempts of this turn. */
  readonly losses: number;
  /** Model requests and tool calls of this turn at its last loss; more of them count as progress. */
  readonly doneAtLoss: number;
  /**
   * The tool call that ran at the last loss. Reaching the same call again is no progress: the call may be what kills
   * the worker.
   */
  readonly ranAtLoss: string | undefined;
  /**
   * What is known of the work, for a turn that starts a new conversation because the previous one could not be resumed.
   */
  readonly handover: string | undefined;
  readonly stalls: number;
  /** Why the turn itself makes no progress; the worker's absence is not included. */
  readonly stalled: Stall | undefined;
  readonly repairs: number;
  /** Turns spent on reports that were not the requested data. */
  readonly outputRepairs: number;
  /** Turns spent on uncommitted work. */
  readonly unsavedRepairs: number;
  readonly workedMs: number;
  readonly verifyingMs: number;
  readonly report: string;
  /** Characters of the whole final message, if `report` is only its beginning. */
  readonly reportChars: number | undefined;
  /** Whether the model's output limit cut off the report. */
  readonly cut: boolean;
  /** The data parsed from the report. */
  readonly output: unknown;
  /** The files that the subagent hands on. */
  readonly artifacts: Readonly<Record<string, string>> | undefined;
  readonly model: string | undefined;
  readonly usage: Usage;
  /** Usage of the current turn that is not counted yet. A later account of the same turn includes it. */
  readonly pendingUsage: TurnUsage | undefined;
  readonly denials: readonly Denial[];
  /** What Copilot loaded from the repository, such as instruction files. */
  readonly loaded: readonly string[];
  readonly evidence: Evidence | undefined;
  /** Caveats of the last collection, and of what followed it. */
  readonly caveats: readonly Caveat[];
  readonly setup: readonly Verification[];
  readonly verifications: readonly Verification[];
  readonly push: Push | undefined;
  readonly saved: Saved | undefined;
  readonly verdict: PlannedEnd | undefined;
  /** Budget dimensions that were announced as nearly used up. */
  readonly noticed: readonly Dimension[];
  readonly notes: readonly string[];
  /** Who did what to it, oldest first. */
  readonly audit: readonly AuditEntry[];
}

/** The fields of a turn that has not been attempted yet. */
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
    approvals: NO_APPROVALS,
    ignoredSignals: NO_IGNORED_SIGNALS,
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
    saved: undefined,
    verdict: undefined,
    noticed: [],
    notes: [],
    audit: [],
  };
}

/** The part of a spec that the decisions depend on; see `rulesOf`. */
export interface SubagentRules {
  readonly timeoutMs: number;
  readonly maxRepairs: number;
  readonly verify: boolean;
  readonly setUp: boolean;
  /** Whether the report must be structured data. Default: no. */
  readonly output?: boolean;
  /** Default: no. */
  readonly push?: boolean;
  /** Whether to push despite a blocking caveat. Default: no. */
  readonly force?: boolean;
  readonly budget?: Budget | undefined;
  /** Default: report. */
  readonly onStuck?: OnStuck | undefined;
  /** Seed that spreads pauses; default 0. */
  readonly seed?: number;
}

/**
 * The rules of a spec. Computed for every decision, because the settings of a repository named by URL are known only
 * once it is cloned.
 */
export function rulesOf(spec: ResolvedSpec, seed: number): SubagentRules {
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
