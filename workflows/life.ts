/** The life of one subagent: everything that the decisions of `lifecycle.ts` depend on, and the steps they lead to. */
import {
  addUsage,
  mergeDenials,
  NO_USAGE,
  type ArtifactsRead,
  type Budget,
  type Denial,
  type Evidence,
  type Failure,
  type FinalStatus,
  type LiveStatus,
  type OnStuck,
  type OutputRead,
  type Push,
  type Question,
  type Spent,
  type TurnResult,
  type Usage,
  type Verification,
} from '../src/contract/index.ts';
import type { Dimension } from './budget.ts';

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
  /** How often in a row it waited for its model: for new credentials, or a limit to pass. */
  readonly waits: number;
  /** Model requests that this turn had when it failed last: more of them, and it came further. */
  readonly requestsAtFailure: number;
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
  readonly repairs: number;
  /** Turns spent on reports that were not the data that was asked for. */
  readonly outputRepairs: number;
  readonly workedMs: number;
  readonly verifyingMs: number;
  readonly report: string;
  /** The data of the report. */
  readonly output: unknown;
  /** The files that it hands on. */
  readonly artifacts: Readonly<Record<string, string>> | undefined;
  readonly model: string | undefined;
  readonly usage: Usage;
  /** What the current turn has used that is not counted yet. The turn's next account has it, if there is one. */
  readonly unspent: Spent | undefined;
  readonly denials: readonly Denial[];
  /** What of the repository's own was loaded into Copilot. */
  readonly loaded: readonly string[];
  readonly evidence: Evidence | undefined;
  readonly setup: readonly Verification[];
  readonly verifications: readonly Verification[];
  readonly push: Push | undefined;
  readonly verdict: Verdict | undefined;
  /** What of its budget was announced as nearly used up. */
  readonly noticed: readonly Dimension[];
  readonly notes: readonly string[];
}

/** The spec's part that the decisions depend on. */
export interface Rules {
  readonly timeoutMs: number;
  readonly maxRepairs: number;
  readonly verify: boolean;
  readonly setUp: boolean;
  /** Its report is to be data. Default: no. */
  readonly output?: boolean;
  /** Default: no. */
  readonly push?: boolean;
  readonly budget?: Budget | undefined;
  /** Whether a message that came while the last try failed still opens a turn; asked only then. Default: yes. */
  readonly heldOpens?: () => boolean;
  /** Default: report. */
  readonly onStuck?: OnStuck | undefined;
  /** Whether an attempt that worked for long begins the row of a turn's losses anew; default yes. Not in runs that an earlier version started. */
  readonly lossesAnew?: boolean;
  /** Whether a turn that came further between its losses begins their row anew; default yes. Not in runs that an earlier version started. */
  readonly furtherAnew?: boolean;
  /** Whether what a turn used in a conversation that is gone is counted before it begins a new one; asked only then. Default: yes. */
  readonly goneCounts?: () => boolean;
  /** Spreads pauses; default 0. */
  readonly seed?: number;
}

/** What to do next. */
export type Step =
  | { readonly do: 'prepare' }
  | { readonly do: 'set-up' }
  | {
      readonly do: 'turn';
      readonly room: 'keep' | 'retake';
      /** Before it, without room where that is to be taken again. */
      readonly pause?: { readonly ms: number; readonly why: string };
    }
  | { readonly do: 'pause'; readonly ms: number; readonly why: string }
  | { readonly do: 'ask'; readonly questions: readonly Omit<Question, 'at'>[] }
  | {
      /** Without room, until it passes or somebody says that it has. */
      readonly do: 'wait';
      readonly for: 'credentials' | 'limit';
      readonly ms: number;
      readonly why: string;
      readonly announce: boolean;
    }
  | {
      readonly do: 'report-stuck';
      readonly doing: string;
      readonly silentMs: number;
      readonly then: OnStuck;
    }
  | { readonly do: 'report-budget'; readonly summary: string }
  | { readonly do: 'collect' }
  | { readonly do: 'verify' }
  | { readonly do: 'push' }
  | { readonly do: 'end'; readonly verdict: Verdict };

/** What the world sees while a step is performed (`queued` before it, where it waits for room); `undefined`: no change. */
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
} as const satisfies Record<Exclude<Step['do'], 'end'>, LiveStatus | undefined>;

/** What happened: the result of the last step. */
export type Happened =
  | { readonly type: 'prepared'; readonly notes: readonly string[] }
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
      readonly notes: readonly string[];
      readonly output?: OutputRead | undefined;
      readonly artifacts?: ArtifactsRead | undefined;
    }
  | { readonly type: 'uncollected'; readonly failure: Failure }
  | {
      readonly type: 'verified';
      readonly verifications: readonly Verification[];
      readonly problem: string | undefined;
      /** The problem in words for people, where it is none of a command's own. */
      readonly reason?: string | undefined;
      readonly notes: readonly string[];
      readonly elapsedMs: number;
    }
  /** It could not be verified. */
  | { readonly type: 'unverified'; readonly failure: Failure }
  | { readonly type: 'pushed'; readonly push: Push };

/** A turn of which no attempt was made yet. */
export const UNTRIED = {
  failures: 0,
  waits: 0,
  requestsAtFailure: 0,
  silentSince: undefined,
  lost: 0,
  losses: 0,
  doneAtLoss: 0,
  ranAtLoss: undefined,
  handover: undefined,
  stalls: 0,
} as const satisfies Partial<Life>;

/** The first step of every subagent, with the life it begins. */
export function begin(): [Life, Step] {
  const life: Life = {
    turn: 0,
    opening: { kind: 'task' },
    steers: [],
    held: [],
    ...UNTRIED,
    repairs: 0,
    outputRepairs: 0,
    workedMs: 0,
    verifyingMs: 0,
    report: '',
    output: undefined,
    artifacts: undefined,
    model: undefined,
    usage: NO_USAGE,
    unspent: undefined,
    denials: [],
    loaded: [],
    evidence: undefined,
    setup: [],
    verifications: [],
    push: undefined,
    verdict: undefined,
    noticed: [],
    notes: [],
  };
  return [life, { do: 'prepare' }];
}

/** Keeps a steer for the next turn. */
export function hold(life: Life, steer: HeldSteer): Life {
  return { ...life, held: [...life.held, steer] };
}

type Account = { readonly [key in keyof Spent]: Spent[key] | undefined } & Pick<Spent, 'usage'>;

/** Keeps an account of the current turn, which goes on; one that knows of less than an earlier one says nothing new. */
export function owe(life: Life, account: Account | undefined): Life {
  const { unspent } = life;
  if (account === undefined || account.usage.modelRequests < (unspent?.usage.modelRequests ?? 0)) return life;
  const { usage, model = unspent?.model, denials = unspent?.denials, loaded = unspent?.loaded } = account;
  return {
    ...life,
    unspent: {
      usage,
      ...(model !== undefined && { model }),
      ...(denials && { denials }),
      ...(loaded && { loaded }),
    },
  };
}

/** Counts what is left to count of a turn of which there will be no other account than `last`. */
export function settle(life: Life, last?: Spent): Life {
  const owing = owe(life, last);
  return owing.unspent ? spend(owing, owing.unspent) : owing;
}

/** Counts what a turn used and what was denied to it, and notes the model that it used. */
export function spend(
  life: Life,
  { usage, model = life.model, denials = [], loaded = life.loaded }: Spent,
): Life {
  return {
    ...life,
    model,
    loaded,
    usage: addUsage(life.usage, usage),
    unspent: undefined,
    denials: mergeDenials([...life.denials, ...denials]),
  };
}
