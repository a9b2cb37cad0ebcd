/** What a subagent does next, and the events that change its state: results of its actions, and what happens beside them. */
import type {
  ArtifactsRead,
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
  Spent,
  TurnResult,
  Verification,
  WaitFor,
  Workspace,
} from '../../src/contract/index.ts';
import type { HeldSteer, SteerRecord, PlannedEnd, SubagentState } from './state.ts';

/** What is to be done next. */
export type NextAction =
  | { readonly do: 'prepare' }
  | { readonly do: 'set-up' }
  | {
      readonly do: 'turn';
      readonly slot: 'keep' | 'reacquire';
      /** Before it, without a slot where that is to be taken again. */
      readonly pause?: { readonly ms: number; readonly why: string };
    }
  | { readonly do: 'pause'; readonly ms: number; readonly why: string }
  | { readonly do: 'ask'; readonly questions: readonly Omit<Question, 'at'>[] }
  | {
      /** Without slot, until it passes or somebody says that it has. */
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
      /** It is not silent, but repeats itself. */
      readonly repeats?: NonNullable<Extract<TurnResult, { kind: 'stuck' }>['repeats']> | undefined;
      readonly then: OnStuck;
    }
  | { readonly do: 'report-budget'; readonly summary: string }
  | { readonly do: 'collect' }
  | { readonly do: 'verify' }
  | { readonly do: 'push' }
  | { readonly do: 'end'; readonly verdict: PlannedEnd };

/** What the world sees while an action runs (`queued` before it, where it waits for a slot); `undefined`: no change. */
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

/** The result of an action: it leads to the next. */
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
  | { readonly type: 'went-on' }
  | {
      readonly type: 'answered';
      readonly answers: readonly { readonly requestId: string; readonly answer: string }[];
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
      /** What is known of the work all the same. */
      readonly evidence?: Evidence | undefined;
    }
  | {
      readonly type: 'verified';
      readonly verifications: readonly Verification[];
      readonly problem: string | undefined;
      /** The problem in words for people, where it is none of a command's own. */
      readonly reason?: string | undefined;
      readonly notes: readonly string[];
      readonly caveats?: readonly Caveat[] | undefined;
      readonly elapsedMs: number;
    }
  /** It could not be verified. */
  | { readonly type: 'unverified'; readonly failure: Failure }
  | { readonly type: 'pushed'; readonly push: Push };

/** What happens beside the action that runs: it changes the state, and not what is to be done. */
export type Occurrence =
  | { readonly type: 'steer-arrived'; readonly steer: SteerRecord }
  /** No turn has taken it: the next one does. */
  | { readonly type: 'steer-held'; readonly steer: HeldSteer }
  | { readonly type: 'steer-answered'; readonly receipt: Receipt }
  /** One that was held got into a turn that runs again; `receipt` replaces the first one. */
  | { readonly type: 'held-steer-delivered'; readonly receipt: Receipt }
  | { readonly type: 'noted'; readonly note: string }
  | { readonly type: 'cloned'; readonly repository: string; readonly defaults: SettingsTaken }
  | { readonly type: 'turn-began' }
  /** An attempt is over; `attempt`: what is left of it. */
  | { readonly type: 'turn-ended'; readonly attempt: SubagentState['attempt'] }
  /** A command or a turn was cut off with its action, after so much work. */
  | { readonly type: 'cut-off'; readonly workedMs: number; readonly verifyingMs: number }
  /** Its worker has stopped it, or could not. */
  | {
      readonly type: 'stopped';
      readonly problem?: string | undefined;
      /** Where the branch is now, if that is not where its work was collected; null: nowhere. */
      readonly movedTo?: string | null | undefined;
      /** What the turn that was cut off had used. */
      readonly used?: Spent | undefined;
    }
  /** After a kill its work was collected, or could not be. */
  | {
      readonly type: 'salvaged';
      readonly found: Extract<ActionResult, { type: 'collected' | 'uncollected' }>;
    }
  /** Its worker was given up. */
  | { readonly type: 'given-up' }
  | { readonly type: 'signal-left-out'; readonly name: string; readonly why: string };
