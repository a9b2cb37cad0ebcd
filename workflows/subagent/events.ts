/**
 * The next action of a subagent, and the events that change its state: results of actions, and occurrences beside them.
 */
import type {
  Approval,
  ArtifactsRead,
  AuditEntry,
  CallDecision,
  Caveat,
  Evidence,
  Failure,
  LiveStatus,
  OnStuck,
  OutputRead,
  Push,
  Question,
  Receipt,
  SettingsTaken,
  TurnUsage,
  TurnResult,
  Verification,
  WaitFor,
  Workspace,
} from '../../src/contract/index.ts';
import type { Verdict } from './approvals.ts';
import type { HeldSteer, SteerRecord, PlannedEnd, SubagentState } from './state.ts';

/** The action to run next. */
export type NextAction =
  | { readonly do: 'prepare' }
  | { readonly do: 'set-up' }
  | {
      readonly do: 'turn';
      readonly slot: 'keep' | 'reacquire';
      /** A pause before the turn. If the slot is to be reacquired, the pause holds no slot. */
      readonly pause?: { readonly ms: number; readonly why: string };
    }
  | { readonly do: 'pause'; readonly ms: number; readonly why: string }
  | {
      /** Waits without a slot until all questions are answered and all approvals are decided. */
      readonly do: 'ask';
      readonly questions: readonly Omit<Question, 'at'>[];
      readonly approvals: readonly Omit<Approval, 'at'>[];
    }
  | {
      /** Waits without a slot, until `ms` have passed or a worker signals `tryAgain`. */
      readonly do: 'wait';
      readonly for: WaitFor;
      readonly ms: number;
      readonly why: string;
      readonly announce: boolean;
    }
  | {
      readonly do: 'report-stuck';
      readonly doing: string;
      readonly silentMs: number;
      /** Set if the turn is not silent but repeats itself. */
      readonly repeats?: NonNullable<Extract<TurnResult, { kind: 'stuck' }>['repeats']> | undefined;
      readonly then: OnStuck;
    }
  | { readonly do: 'report-budget'; readonly summary: string }
  | { readonly do: 'collect' }
  | { readonly do: 'verify' }
  | { readonly do: 'push' }
  | { readonly do: 'end'; readonly verdict: PlannedEnd };

/** The status shown while an action runs (`queued` before that, while it waits for a slot); `undefined`: no change. */
export const STATUS_DURING = {
  prepare: 'preparing',
  'set-up': 'preparing',
  turn: 'working',
  pause: 'working',
  wait: 'waiting',
  ask: 'asking',
  'report-stuck': undefined,
  'report-budget': undefined,
  collect: undefined,
  verify: 'verifying',
  push: undefined,
} as const satisfies Record<Exclude<NextAction['do'], 'end'>, LiveStatus | undefined>;

/** The result of an action, which decides the next one. */
export type ActionResult =
  | { readonly type: 'prepared'; readonly workspace: Workspace }
  | { readonly type: 'unprepared'; readonly failure: Failure }
  | {
      readonly type: 'set-up';
      readonly results: readonly Verification[];
      readonly notes: readonly string[];
      readonly failure: Failure | undefined;
    }
  | { readonly type: 'turn'; readonly result: TurnResult; readonly elapsedMs: number }
  | { readonly type: 'continued' }
  | {
      readonly type: 'answered';
      readonly answers: readonly { readonly requestId: string; readonly answer: string }[];
      readonly decisions?: readonly CallDecision[];
      readonly notes?: readonly string[];
    }
  | {
      readonly type: 'collected';
      readonly evidence: Evidence;
      readonly caveats: readonly Caveat[];
      readonly notes: readonly string[];
      readonly output?: OutputRead | undefined;
      readonly artifacts?: ArtifactsRead | undefined;
    }
  | {
      readonly type: 'uncollected';
      readonly failure: Failure;
      /** What is known of the work despite the failure. */
      readonly evidence?: Evidence | undefined;
    }
  | {
      readonly type: 'verified';
      readonly verifications: readonly Verification[];
      readonly problem: string | undefined;
      /** The problem in words for people, if it is not a command's own failure. */
      readonly reason?: string | undefined;
      readonly notes: readonly string[];
      readonly caveats?: readonly Caveat[] | undefined;
      readonly elapsedMs: number;
    }
  /** The work could not be verified. */
  | { readonly type: 'unverified'; readonly failure: Failure }
  | { readonly type: 'pushed'; readonly push: Push };

/** What happens beside the running action: it changes the state, but not the action. */
export type Occurrence =
  | { readonly type: 'acted'; readonly entry: AuditEntry }
  | { readonly type: 'steer-arrived'; readonly steer: SteerRecord }
  /** No running turn has received the steer; the next turn does. */
  | { readonly type: 'steer-held'; readonly steer: HeldSteer }
  | { readonly type: 'steer-answered'; readonly receipt: Receipt }
  /** A held steer was delivered to a turn that runs again; `receipt` replaces the first one. */
  | { readonly type: 'held-steer-delivered'; readonly receipt: Receipt }
  /** A turn asks for approvals; `at` is ISO 8601. */
  | {
      readonly type: 'approvals-asked';
      readonly approvals: readonly Omit<Approval, 'at'>[];
      readonly at: string;
    }
  | { readonly type: 'approvals-decided'; readonly verdict: Verdict }
  | { readonly type: 'note-added'; readonly note: string }
  /** A worker of its pool has taken it; its settings are those of the subagent. */
  | { readonly type: 'taken'; readonly defaults: SettingsTaken }
  | { readonly type: 'cloned'; readonly repository: string; readonly defaults: SettingsTaken }
  | { readonly type: 'turn-started' }
  /** An attempt is over; `attempt` is its state now. */
  | { readonly type: 'turn-ended'; readonly attempt: SubagentState['attempt'] }
  /** A command or a turn was cut off together with its action, after this much work. */
  | { readonly type: 'action-interrupted'; readonly workedMs: number; readonly verifyingMs: number }
  /** The worker has stopped the subagent, or could not. */
  | {
      readonly type: 'stopped';
      readonly problem?: string | undefined;
      /** Where the branch is now if it moved since its work was collected; null if it was deleted. */
      readonly movedTo?: string | null | undefined;
      /** What the interrupted turn had used. */
      readonly used?: TurnUsage | undefined;
    }
  /** The work was put into the store, or `problem` says why not. */
  | {
      readonly type: 'saved';
      readonly commit: string;
      readonly workerId: string | undefined;
      readonly problem: string | undefined;
    }
  /** After a kill: the work was collected, or could not be. */
  | {
      readonly type: 'salvaged';
      readonly found: Extract<ActionResult, { type: 'collected' | 'uncollected' }>;
    }
  /** The worker was given up. */
  | { readonly type: 'given-up' }
  | { readonly type: 'signal-ignored'; readonly name: string; readonly why: string };
