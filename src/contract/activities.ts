/**
 * What activities take and give. Workflows import these types and nothing else of the activities.
 *
 * Every activity on a worker's queues may also answer `Lost`: its worker died while it ran, and the worker's next start
 * found the lease and completed the attempt. The workflow then starts the next attempt with a counter of its own.
 */
import { z } from 'zod';
import type { Caveat } from './caveat.ts';
import {
  usage,
  type Denial,
  type Evidence,
  type Push,
  type SweepReport,
  type TurnFailureClass,
  type WaitFor,
  type Usage,
  type Verification,
} from './outcome.ts';
import type { Receipt, RunName, Remains, SessionEntry, TranscriptPage } from './messages.ts';
import type { Permissions, ResolvedSpec, Thinking } from './spec.ts';

/** What the heartbeats of a turn report that counts; those of other activities may report less. */
export const lastHeartbeat = z.object({
  workedMs: z.number().optional().describe('of the attempt'),
  usage: usage.describe('since the turn began, as far as the attempt knew'),
  model: z.string().optional(),
  doing: z.string().optional(),
  tool: z.string().optional().describe('of which that is a call'),
});
export type LastHeartbeat = z.infer<typeof lastHeartbeat>;

/** The attempt is over, its effect unknown. */
export interface Lost {
  readonly kind: 'lost';
  /** What died: the worker (its slot is gone too) or only its Copilot runtime. */
  readonly who: 'worker' | 'runtime';
  readonly reason: string;
  /** Whether no worker had taken it: nothing was done in the attempt. */
  readonly notStarted?: boolean;
  /** Of an attempt at a turn: what was known of it last. */
  readonly last?: LastHeartbeat;
}

/** Which subagent an activity works for. */
export interface SubagentRef {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  /** First execution run id. */
  readonly runId: string;
  /** Id of its Copilot session, `[A-Za-z0-9_-]`; also the source of its process marker. */
  readonly copilotSessionId: string;
}

/** ApplicationFailure types that activities throw; each is final for the activity (not retried). */
export const ACTIVITY_FAILURES = {
  /** The workspace cannot be made as asked (repository gone, base unknown, checkout busy). */
  refused: 'Refused',
  /** git or the disk failed. */
  workspace: 'Workspace',
  /** It came to its end, and found a problem; its details have the result. */
  problem: 'Problem',
} as const;

// ---- host control queue -----------------------------------------------------

export interface AdmitInput {
  readonly session: string;
  readonly specs: readonly ResolvedSpec[];
}
/** Per spec, in order: admitted, or why not. */
export type Admission =
  | {
      readonly admitted: true;
      /** The model it will use. */
      readonly model?: string;
      /** What the repository's `.subagents.json` says of that which the spawn left open. */
      readonly defaults?: Omit<SettingsTaken, 'model'>;
      /** What the caller should know. */
      readonly notes?: readonly string[];
    }
  | { readonly admitted: false; readonly code: string; readonly reason: string; readonly remedy?: string };

/** What was taken from a repository's `.subagents.json`. */
export type SettingsTaken = Partial<
  Pick<ResolvedSpec, 'setup' | 'verify' | 'timeoutMs' | 'permissions' | 'model'>
>;

// ---- slot queue (host) and a worker's own ------------------------------------

export interface HoldSlotInput {
  readonly subagent: SubagentRef;
  /** Counts the holds of this subagent: the `slotGranted` signal echoes it, so that an old hold cannot speak for a new one. */
  readonly hold: number;
}
/** Argument of the `slotGranted` signal. */
export interface SlotGranted {
  readonly hold: number;
  readonly workerId: string;
}
/** A hold ends when the workflow cancels it, or when its worker shuts down. */
export type HoldSlotResult = { readonly kind: 'released' } | { readonly kind: 'interrupted' } | Lost;

// ---- worker queue -------------------------------------------------------------

export interface PrepareInput {
  readonly subagent: SubagentRef;
  readonly spec: ResolvedSpec;
}
/** Where the subagent works. Idempotent: preparing again finds what is there. */
export interface Workspace {
  readonly kind: 'workspace';
  readonly cwd: string;
  readonly branch: string | null;
  readonly base: string;
  /** The repository that has the branch, where the spec names a URL. */
  readonly repository?: string;
  /** Of a continued subagent: Copilot's conversation is gone, so it has to be told of the run before. */
  readonly newConversation?: boolean;
  readonly notes: readonly string[];
}

/** A repository that is named by URL, as a clone in the worker's home. */
export interface CloneInput {
  readonly subagent: SubagentRef;
  readonly spec: ResolvedSpec;
}
export type CloneResult =
  | {
      readonly kind: 'cloned';
      /** Root of the clone. */
      readonly repository: string;
      /** What the repository's `.subagents.json` says of that which the spawn left open. */
      readonly defaults: SettingsTaken;
      readonly notes: readonly string[];
    }
  | Lost;

export interface PushInput {
  readonly subagent: SubagentRef;
  readonly cwd: string;
  /** The clone that has the branch, and the URL that it is of. */
  readonly repository: string;
  readonly remote: string;
  readonly commit: string;
}
export type PushResult = { readonly kind: 'pushed'; readonly push: Push } | Lost;

/** What the shells of a subagent get, besides what all get. */
export interface ShellInput {
  /** Names of secret variables of the worker. */
  readonly env?: readonly string[] | undefined;
  /** Commits are not signed, whatever the configuration says. */
  readonly unsigned?: boolean | undefined;
}

export interface SetUpInput extends ShellInput {
  readonly subagent: SubagentRef;
  /** A worktree; never a checkout of the caller. */
  readonly cwd: string;
  readonly commands: readonly string[];
}
export type SetUpResult =
  | {
      readonly kind: 'set-up';
      /** One for each command; those after one that failed were not run. */
      readonly results: readonly Verification[];
      /** What failed; absent when all went well. */
      readonly problem?: string;
      readonly notes: readonly string[];
    }
  | Lost;

export interface TurnInput extends ShellInput {
  readonly subagent: SubagentRef;
  readonly cwd: string;
  readonly turn: number;
  /** Characters of the final message that are kept; default `MAX_REPORT_CHARS`. */
  readonly maxReport?: number;
  /** What opens the turn, without its marker line. Sent only where the event log does not have it yet. */
  readonly prompt: string;
  /** Answers to questions that an earlier turn returned; such a turn sends no prompt. */
  readonly answers?: readonly { readonly requestId: string; readonly answer: string }[];
  readonly model?: string;
  readonly thinking?: Thinking;
  /** Default: `all`. */
  readonly permissions?: Permissions;
  /** Default: false. */
  readonly trustRepo?: boolean;
  /** Working time left. */
  readonly budgetMs: number;
  readonly stuckAfterMs: number;
  /** Calls in a row that are a repetition, after which it is called stuck, repeating. */
  readonly stuckRepeats: number;
  readonly isolation: ResolvedSpec['isolation'];
  /** It stood still when the attempt before ended: that it moves again ends this one, as `moving`. */
  readonly stalled?: 'silent' | 'repeating';
  /** Silence of a model call after which it is given up as hung; default `DEFAULT_HUNG_MODEL_MS`. */
  readonly hungAfterMs?: number;
  /** ISO 8601: the last sign of life of the attempts before, which failed. Their silence counts towards `stuckAfterMs`. */
  readonly silentSince?: string;
  /** What this turn may use before it is over budget, and before that is announced; both from the turn's beginning. */
  readonly budget?: { readonly left: Allowance; readonly noticeAt: Allowance };
  /** Where it fails, the subagent does: no attempt follows. Default: one may follow. */
  readonly lastAttempt?: boolean;
  /** How many attempts of this very turn were lost before. */
  readonly lostBefore: number;
  /** The commit that it started from. */
  readonly base?: string;
  /** Its conversation is known to be gone, and the prompt says all that is needed: where there is none one is begun. */
  readonly newConversation?: boolean;
}
/** An amount of what turns use. */
export interface Allowance {
  readonly tokens?: number;
  readonly modelRequests?: number;
}
/** What a turn used and what was denied to it since its beginning, all attempts together where the event log shows it. */
export interface Spent {
  readonly usage: Usage;
  readonly model?: string;
  readonly denials?: readonly Denial[];
  /** With `trustRepo`: what of the repository's own the Copilot session has loaded. */
  readonly loaded?: readonly string[];
}
interface TurnEnd extends Spent {
  readonly notes: readonly string[];
  /** Time that this attempt worked, in milliseconds; not that for which its machine slept. */
  readonly workedMs?: number;
}
/** Why a turn failed, by what can be done about it. */
export interface TurnFailure {
  readonly class: TurnFailureClass;
  readonly message: string;
  readonly remedy?: string;
  /** Whether the same turn may succeed when it is run again as it is. */
  readonly retryable: boolean;
  /** What the server asked for, when it did. */
  readonly retryAfterMs?: number;
  /** It is not to be tried at once but to wait, holding no slot, for what it names. */
  readonly waitFor?: WaitFor;
}
export type TurnResult =
  | (TurnEnd & {
      readonly kind: 'finished';
      readonly report: string;
      /** Characters of the whole final message, where `report` is only its beginning. */
      readonly reportChars?: number;
      /** The model’s output limit ended its last message. */
      readonly cut?: boolean;
    })
  | (TurnEnd & {
      readonly kind: 'question';
      readonly questions: readonly {
        readonly requestId: string;
        readonly question: string;
        readonly choices?: readonly string[];
      }[];
    })
  /** Silent for `stuckAfterMs`, or repeating itself; the turn was left running in Copilot and the next attempt takes it up again. */
  | (TurnEnd & {
      readonly kind: 'stuck';
      readonly doing: string;
      readonly silentMs: number;
      /** ISO 8601: the last sign of life, or the first call of a repetition. */
      readonly since: string;
      /** It is not silent, but repeats itself. */
      readonly repeats?: {
        readonly count: number;
        /** Of how many different calls. */
        readonly period: number;
        /** Whether it seems to wait for something outside in this way. */
        readonly waits: boolean;
      };
    })
  /** What stood still moves again; the turn was left running in Copilot and the next attempt takes it up again. */
  | (TurnEnd & { readonly kind: 'moving' })
  | (TurnEnd &
      TurnFailure & {
        readonly kind: 'failed';
        /** ISO 8601: the last sign of life. */
        readonly lastEventAt?: string;
      })
  | (TurnEnd & { readonly kind: 'timed-out' })
  /** `noticeAt` is reached; the turn was left running in Copilot and the next attempt takes it up again. */
  | (TurnEnd & { readonly kind: 'near-budget' })
  | (TurnEnd & { readonly kind: 'over-budget' })
  /** Its conversation cannot be resumed. With a prompt that hands over what is known, a new one can begin. */
  | (TurnEnd & {
      readonly kind: 'copilot-session-lost';
      readonly reason: string;
      /** What its branch, its folder and the end of its transcript show. */
      readonly shown: string;
    })
  /** The worker shuts down; the turn is resumable. */
  | (TurnEnd & { readonly kind: 'interrupted' })
  | Lost;

/** Heartbeat details of `cloneRepository`, `setUpWorkspace` and `runTurn`: what `list` shows of a subagent at work. */
export interface ActivityProgress {
  readonly doing: string;
  readonly tool?: string;
  /** ISO 8601, when `doing` began. */
  readonly since: string;
  /** ISO 8601, when the last model event or tool output came. */
  readonly lastEventAt: string;
  readonly lastMessage?: string;
  readonly model?: string;
  readonly usage: Usage;
  /** Of `runTurn`: time that the attempt has worked, in milliseconds. */
  readonly workedMs?: number;
  /** Tool calls that its permissions did not allow, in this turn. */
  readonly denied?: number;
}

export interface CollectInput {
  readonly subagent: SubagentRef;
  readonly spec: ResolvedSpec;
  readonly workspace: Workspace;
  /** The final message, where the spec has `output` and it is to be read. */
  readonly report?: string;
  /** Files that are to be read. */
  readonly artifacts?: readonly string[];
}
/** Files by their path, or what is wrong with one. */
export type ArtifactsRead =
  { readonly files: Readonly<Record<string, string>> } | { readonly problem: string };
/** The data of a report, or what is wrong with it. */
export type OutputRead = { readonly value: unknown } | { readonly problem: string };
export type CollectResult =
  | {
      readonly kind: 'collected';
      readonly evidence: Evidence;
      readonly notes: readonly string[];
      /** What the workspace shows now: those of an earlier collection count no more. */
      readonly caveats: readonly Caveat[];
      /** Where there was a report to read. */
      readonly output?: OutputRead;
      /** Where files were to be read. */
      readonly artifacts?: ArtifactsRead;
    }
  | Lost;

export interface VerifyInput extends ShellInput {
  /** Given when it is to run in a fresh checkout: the repository that has the commit, and the set-up commands. */
  readonly fresh?: { readonly repo: string; readonly setup: readonly string[] };
  readonly subagent: SubagentRef;
  readonly cwd: string;
  readonly head: string;
  readonly isolation: ResolvedSpec['isolation'];
  readonly commands: readonly string[];
}
export type VerifyResult =
  | {
      readonly kind: 'verified';
      readonly verifications: readonly Verification[];
      /** Set when a command did not exit 0, HEAD moved, or a tracked file changed: what goes back to the subagent. */
      readonly problem?: string;
      /** Of HEAD or the files, in words for people. */
      readonly reason?: string;
      readonly notes: readonly string[];
      /** Besides those of the collection before. */
      readonly caveats?: readonly Caveat[];
      /** How long that took, in milliseconds, but for time for which its machine slept. */
      readonly workedMs?: number;
    }
  | Lost;

// ---- worker control queue -----------------------------------------------------

export interface DeliverInput {
  readonly subagent: SubagentRef;
  readonly steerId: string;
  readonly message: string;
  /** The turn that runs by the workflow's account: where it has not begun yet on the worker, delivery waits for it; where it has ended, the answer is `no-turn`. */
  readonly turn: number;
  /** What runs is stopped first. */
  readonly interrupt?: boolean;
}
/** `no-turn`: no live turn holds the Copilot session; the message is held instead. */
export type DeliverResult =
  { readonly kind: 'delivered'; readonly receipt: Receipt } | { readonly kind: 'no-turn' } | Lost;

export interface StopInput {
  readonly subagent: SubagentRef;
  /**
   * `kill` aborts the turn, closes the Copilot session and sweeps its processes; `end` closes and sweeps; `pause` (a
   * subagent that waits for an answer) only closes. Each releases its slot at once.
   */
  readonly mode: 'kill' | 'end' | 'pause';
  /** Given when a checkout's lock is to be released. */
  readonly inPlaceRepo?: string;
  /** Whether it loaded what the repository brings along for Copilot. */
  readonly trustRepo?: boolean;
  /** Where its work is, as the outcome will say. */
  readonly collected?: { readonly cwd: string; readonly branch: string; readonly head: string };
}
export type StopResult =
  | {
      readonly kind: 'stopped';
      readonly sweep?: SweepReport;
      /** Where the branch is now, if that is not where its work was collected; null: nowhere. */
      readonly movedTo?: string | null;
      /** Of the turn that was cut short, as far as it had come. */
      readonly cutShort?: Spent;
    }
  | Lost;

export interface ReadTranscriptInput {
  readonly copilotSessionId: string;
  readonly of?: RunName;
  readonly cursor: number;
  /** Wait this long for something new, in milliseconds; 0 answers at once. */
  readonly waitMs: number;
}

/** A finished run, to be cleaned by the worker that had it. */
export type RunToClean = Pick<SubagentRef, 'session' | 'label' | 'run' | 'workflowId' | 'runId'>;
export interface CleanInput {
  readonly runs: readonly RunToClean[];
  /** Also unmerged commits and uncommitted files. */
  readonly force: boolean;
  /** Only runs whose branch is merged; of others everything stays. */
  readonly onlyMerged: boolean;
  /** Remove nothing, only tell. */
  readonly dryRun: boolean;
}
/** What became of one run; nothing removed and nothing kept when nothing was left of it. */
export interface CleanedRun extends RunToClean {
  readonly removed: readonly Remains[];
  readonly kept: readonly {
    readonly what: Remains | 'all';
    /** A path, or the name of a branch. */
    readonly where: string;
    readonly why: string;
  }[];
  /** Of the disk; branches not counted. */
  readonly freedBytes: number;
}
export type CleanResult = { readonly kind: 'cleaned'; readonly runs: readonly CleanedRun[] } | Lost;

// ---- main queue ---------------------------------------------------------------

export interface WatchChildrenInput {
  readonly session: string;
  readonly children: readonly SessionEntry[];
}

export interface FindOrphansInput {
  readonly session: string;
  /** ISO 8601: what was started later is not of an earlier session. */
  readonly before: string;
}

/** Activities on the host control queue. */
export interface HostActivities {
  admit(input: AdmitInput): Promise<Admission[] | Lost>;
}
/** Activities on the place queues. */
export interface SlotActivities {
  holdSlot(input: HoldSlotInput): Promise<HoldSlotResult>;
}
/** Activities on a worker's queue. */
export interface WorkerActivities {
  cloneRepository(input: CloneInput): Promise<CloneResult>;
  prepareWorkspace(input: PrepareInput): Promise<Workspace | Lost>;
  setUpWorkspace(input: SetUpInput): Promise<SetUpResult>;
  runTurn(input: TurnInput): Promise<TurnResult>;
  collectEvidence(input: CollectInput): Promise<CollectResult>;
  verifyCommit(input: VerifyInput): Promise<VerifyResult>;
  pushBranch(input: PushInput): Promise<PushResult>;
}
/** Activities on a worker's control queue. */
export interface ControlActivities {
  deliverSteer(input: DeliverInput): Promise<DeliverResult>;
  stopSubagent(input: StopInput): Promise<StopResult>;
  readTranscript(input: ReadTranscriptInput): Promise<TranscriptPage | Lost>;
  cleanRuns(input: CleanInput): Promise<CleanResult>;
}
export interface LookForWorkerInput {
  readonly workerId: string;
}
export interface WorkerSeen {
  readonly polls: boolean;
  /** ISO 8601: when it last asked for work, where the server remembers that. */
  readonly lastSeen?: string;
}

export interface ReopenSessionInput {
  readonly session: string;
}

/** Activities on the main queue. */
export interface SessionActivities {
  /** Whether a worker is there, by what it asked of the server lately. */
  lookForWorker(input: LookForWorkerInput): Promise<WorkerSeen>;
  /** Subagents of an earlier session of that name that are live, or that ended when there was none to tell. */
  findOrphans(input: FindOrphansInput): Promise<SessionEntry[]>;
  /** Opens a session again that was ended from outside, with all that it had; gives whether it can be told something now. */
  reopenSession(input: ReopenSessionInput): Promise<boolean>;
  /** Waits until all of the children are closed, and signals `ended` in the name of each of whose end the session has not heard. */
  watchChildren(input: WatchChildrenInput): Promise<void>;
}
