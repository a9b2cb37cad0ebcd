/**
 * Inputs and results of activities. Workflows import only these types of the activities.
 *
 * Every activity on a worker's queues may also return `Lost`: its worker died while the activity ran, and at its next
 * start found the lease and completed the attempt. The workflow counts such attempts itself, and starts the next one.
 */
import { z } from 'zod';
import type {
  Caveat,
  Check,
  Evidence,
  SweepReport,
  Usage,
  Verification,
  Receipt,
  SessionEntry,
  CleanedRun,
} from '../reports/types.ts';
import type { PolicyLayer } from '../policies/policy.ts';
import { usage, type Denial, type Push, type TurnFailureClass, type WaitFor } from '../outcome/outcome.ts';
import type { RunName, TranscriptPage } from './messages.ts';
import type { Permissions, ResolvedSpec, Thinking } from '../spawn/spec.ts';
import type { Approval } from '../reports/types.ts';

/** The parts of a turn's heartbeat that the workflow uses. Other activities may report fewer of them. */
export const lastHeartbeat = z.object({
  workedMs: z.number().optional().describe('of the attempt'),
  usage: usage.describe('since the turn began, as far as the attempt knew'),
  model: z.string().optional(),
  doing: z.string().optional(),
  tool: z.string().optional().describe('of which that is a call'),
});
export type LastHeartbeat = z.infer<typeof lastHeartbeat>;

/** The attempt has ended, and its effect is unknown. */
export interface Lost {
  readonly kind: 'lost';
  /** What died: the worker (its slot is gone too) or only its Copilot runtime. */
  readonly who: 'worker' | 'runtime';
  readonly reason: string;
  /** Whether no worker had started the attempt, so that it had no effect. */
  readonly notStarted?: boolean;
  /** For an attempt at a turn: its last heartbeat. */
  readonly last?: LastHeartbeat;
}

/** The subagent that an activity works for. */
export interface SubagentRef {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  /** First execution run id. */
  readonly runId: string;
  /** Id of its Copilot session, `[A-Za-z0-9_-]`; its process marker is derived from this id. */
  readonly copilotSessionId: string;
}

/** ApplicationFailure types that activities throw; each is final for the activity (not retried). */
export const ACTIVITY_FAILURES = {
  /** The workspace cannot be made as requested (repository gone, base unknown, checkout busy). */
  refused: 'Refused',
  /** git or the disk failed. */
  workspace: 'Workspace',
  /** The activity completed and found a problem; the failure's details have the result. */
  problem: 'Problem',
} as const;

// ---- host control queue -----------------------------------------------------

export interface AdmitInput {
  readonly session: string;
  readonly specs: readonly ResolvedSpec[];
}
/** For each spec, in order: admitted, or the reason for the refusal. */
export type Admission =
  | {
      readonly admitted: true;
      /** The model that the subagent will use. */
      readonly model?: string;
      /** Values of the repository's `.subagents.json` for options that the spawn left open. */
      readonly defaults?: Omit<SettingsTaken, 'model'>;
      /** Notes for the caller. */
      readonly notes?: readonly string[];
    }
  | Refusal;
/** Why a worker does not take a subagent. */
export interface Refusal {
  readonly admitted: false;
  readonly code: string;
  readonly reason: string;
  readonly remedy?: string;
  /** The worker that refuses, as `workerName` writes it. */
  readonly worker?: string;
}

/** Options taken from a repository's `.subagents.json`. */
export type SettingsTaken = Partial<
  Pick<
    ResolvedSpec,
    'setup' | 'verify' | 'timeoutMs' | 'permissions' | 'repositoryPolicy' | 'sandbox' | 'model'
  >
>;

export interface CheckWorkerInput {
  /** A repository by URL that the worker shall read. */
  readonly repo?: string;
}
/** What the worker that answers found out about itself. */
export interface WorkerChecks {
  readonly workerId: string;
  readonly host: string;
  readonly checks: readonly Check[];
}

// ---- pool queue ---------------------------------------------------------------

interface TakeInput {
  readonly subagent: SubagentRef;
  readonly spec: ResolvedSpec;
}
/** The worker that takes a subagent of a pool, and what its settings add to the spec. A slot is reserved for it. */
type TakeResult =
  { readonly kind: 'taken'; readonly workerId: string; readonly defaults: SettingsTaken } | Lost;

/** What the attempts at `takeSubagent` pass on in their heartbeats: the refusals so far, by worker. */
export interface TakeProgress {
  readonly refusals: Readonly<Record<string, Refusal>>;
}

// ---- slot queue (host) and a worker's own ------------------------------------

export interface HoldSlotInput {
  readonly subagent: SubagentRef;
  /**
   * Number of this hold. The `slotGranted` signal repeats it, so that an old hold's signal is not taken for a new
   * one's.
   */
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
/** Where the subagent works. Preparing is idempotent: a second call finds the existing workspace. */
export interface Workspace {
  readonly kind: 'workspace';
  readonly cwd: string;
  readonly branch: string | null;
  readonly base: string;
  /** The repository that has the branch, if the spec names a URL. */
  readonly repository?: string;
  /** For a continued subagent: Copilot's conversation is gone, so the prompt must describe the previous run. */
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
      /** Values of the repository's `.subagents.json` for options that the spawn left open. */
      readonly defaults: SettingsTaken;
      readonly notes: readonly string[];
    }
  | Lost;

export interface PushInput {
  readonly subagent: SubagentRef;
  /** The clone that has the branch, and the URL of its origin. */
  readonly repository: string;
  readonly remote: string;
  readonly commit: string;
}
export type PushResult = { readonly kind: 'pushed'; readonly push: Push } | Lost;

/** Settings of one subagent's shells. */
export interface ShellInput {
  /** Names of secret variables of the worker that the shells receive. */
  readonly env?: readonly string[] | undefined;
  /** Do not sign commits, whatever the configuration says. */
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
      /** One result per command that ran. The commands after a failed one do not run. */
      readonly results: readonly Verification[];
      /** The failure; absent when every command succeeded. */
      readonly problem?: string;
      readonly notes: readonly string[];
    }
  | Lost;

export interface TurnInput extends ShellInput {
  readonly subagent: SubagentRef;
  readonly cwd: string;
  readonly turn: number;
  /** Maximum length of the report, in characters; default `MAX_REPORT_CHARS`. */
  readonly maxReport?: number;
  /** The prompt that opens the turn, without its marker line. Sent only if the event log does not have it yet. */
  readonly prompt: string;
  /** Answers to questions that an earlier turn returned. A turn with answers sends no prompt. */
  readonly answers?: readonly { readonly requestId: string; readonly answer: string }[];
  /** Decisions on the approvals that an earlier turn returned. A turn with decisions sends no prompt. */
  readonly decisions?: readonly CallDecision[];
  /** Kinds of calls that are approved for the rest of the run: `always` of approvals that were approved so. */
  readonly approvedKinds?: readonly string[];
  readonly model?: string;
  readonly thinking?: Thinking;
  /** Default: `all`. */
  readonly permissions?: Permissions;
  /** Policies of the repository and of the spawn, which apply as well as the worker's; default: none. */
  readonly policies?: readonly PolicyLayer[];
  /** Default: false. */
  readonly trustRepo?: boolean;
  /** No tool may run outside the sandbox of the workspace; default: there need be none. */
  readonly sandbox?: true;
  /** Remaining working time, in milliseconds. */
  readonly budgetMs: number;
  readonly stuckAfterMs: number;
  /** Number of repeated calls in a row after which the turn counts as stuck, repeating. */
  readonly stuckRepeats: number;
  readonly isolation: ResolvedSpec['isolation'];
  /**
   * How the turn was stuck at the end of the previous attempt. When it makes progress again, this attempt ends as
   * `moving`.
   */
  readonly stalled?: 'silent' | 'repeating';
  /** A model call that is silent for this long is given up as hung; default `DEFAULT_HUNG_MODEL_MS`. */
  readonly hungAfterMs?: number;
  /** ISO 8601: the last event of the failed attempts before. The silence since then counts towards `stuckAfterMs`. */
  readonly silentSince?: string;
  /**
   * What this turn may use in total, and the usage at which the budget is announced; both from the turn's beginning.
   */
  readonly budget?: { readonly left: Allowance; readonly noticeAt: Allowance };
  /** No attempt follows: if this one fails, the subagent fails. Default: false. */
  readonly lastAttempt?: boolean;
  /** How many attempts at this turn were lost before. */
  readonly lostBefore: number;
  /** The commit that the subagent started from. */
  readonly base?: string;
  /** The conversation is known to be gone and the prompt is complete: if there is no conversation, begin a new one. */
  readonly newConversation?: boolean;
}
/** A decision on a tool call that needed an approval. */
export interface CallDecision {
  readonly id: string;
  /** The call on one line, cut short. */
  readonly what: string;
  readonly approved: boolean;
  /** What the model is told of a call that is not approved. */
  readonly text?: string;
}
/** Amounts that a turn may use. */
export interface Allowance {
  readonly tokens?: number;
  readonly modelRequests?: number;
}
/** Usage and denied calls of a turn since its beginning, over all attempts that the event log shows. */
export interface TurnUsage {
  readonly usage: Usage;
  readonly model?: string;
  readonly denials?: readonly Denial[];
  /** With `trustRepo`: the repository's own hooks, extensions and the like that the Copilot session loaded. */
  readonly loaded?: readonly string[];
}
interface TurnEnd extends TurnUsage {
  readonly notes: readonly string[];
  /** Working time of this attempt in milliseconds, without time for which the machine slept. */
  readonly workedMs?: number;
}
/** Why a turn failed, classified by what can be done about it. */
export interface TurnFailure {
  readonly class: TurnFailureClass;
  readonly message: string;
  readonly remedy?: string;
  /** Whether the same turn may succeed when it runs again unchanged. */
  readonly retryable: boolean;
  /** The delay that the server asked for, if it did. */
  readonly retryAfterMs?: number;
  /** Instead of a retry at once, the turn waits for this without a slot. */
  readonly waitFor?: WaitFor;
}
export type TurnResult =
  | (TurnEnd & {
      readonly kind: 'finished';
      readonly report: string;
      /** Length of the whole final message in characters, when `report` is only its beginning. */
      readonly reportChars?: number;
      /** The model’s output limit cut the final message. */
      readonly cut?: boolean;
    })
  | (TurnEnd & {
      readonly kind: 'question';
      readonly questions: readonly {
        readonly requestId: string;
        readonly question: string;
        readonly choices?: readonly string[];
      }[];
      /** Tool calls that wait for an approval, besides or instead of questions. */
      readonly approvals?: readonly Omit<Approval, 'at'>[];
    })
  /** Silent for `stuckAfterMs`, or repeating itself. The turn runs on in Copilot, and the next attempt resumes it. */
  | (TurnEnd & {
      readonly kind: 'stuck';
      readonly doing: string;
      readonly silentMs: number;
      /** ISO 8601: the last event, or the first call of a repetition. */
      readonly since: string;
      /** Present when the turn is not silent but repeats itself. */
      readonly repeats?: {
        readonly count: number;
        /** Number of different calls that repeat. */
        readonly period: number;
        /** Whether the repetition looks like waiting for something outside. */
        readonly waits: boolean;
      };
    })
  /** A stuck turn makes progress again. It runs on in Copilot, and the next attempt resumes it. */
  | (TurnEnd & { readonly kind: 'moving' })
  | (TurnEnd &
      TurnFailure & {
        readonly kind: 'failed';
        /** ISO 8601: the last event. */
        readonly lastEventAt?: string;
      })
  | (TurnEnd & { readonly kind: 'timed-out' })
  /** `noticeAt` is reached. The turn runs on in Copilot, and the next attempt resumes it. */
  | (TurnEnd & { readonly kind: 'near-budget' })
  | (TurnEnd & { readonly kind: 'over-budget' })
  /** The conversation cannot be resumed. A new one can begin with a prompt that hands over what is known. */
  | (TurnEnd & {
      readonly kind: 'copilot-session-lost';
      readonly reason: string;
      /** The state of the branch, the folder and the end of the transcript. */
      readonly shown: string;
    })
  /** The worker shuts down; the turn is resumable. */
  | (TurnEnd & { readonly kind: 'interrupted' })
  | Lost;

export interface CollectInput {
  readonly subagent: SubagentRef;
  readonly spec: ResolvedSpec;
  readonly workspace: Workspace;
  /** The final message, if the spec has `output` and the data is to be read. */
  readonly report?: string;
  /** Files to read. */
  readonly artifacts?: readonly string[];
}
/** Files by path, or the problem with one of them. */
export type ArtifactsRead =
  { readonly files: Readonly<Record<string, string>> } | { readonly problem: string };
/** The data of a report, or the problem with it. */
export type OutputRead = { readonly value: unknown } | { readonly problem: string };
export type CollectResult =
  | {
      readonly kind: 'collected';
      readonly evidence: Evidence;
      readonly notes: readonly string[];
      /** Caveats of the workspace as it is now. They replace those of an earlier collection. */
      readonly caveats: readonly Caveat[];
      /** Present if `report` was given. */
      readonly output?: OutputRead;
      /** Present if `artifacts` was given. */
      readonly artifacts?: ArtifactsRead;
    }
  | Lost;

export interface VerifyInput extends ShellInput {
  /** For a verification in a fresh checkout: the repository that has the commit, and the set-up commands. */
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
      /**
       * Set when a command did not exit 0, HEAD moved, or a tracked file changed. Sent to the subagent for a repair.
       */
      readonly problem?: string;
      /** For people: what happened to HEAD or the files. */
      readonly reason?: string;
      readonly notes: readonly string[];
      /** Caveats in addition to those of the collection. */
      readonly caveats?: readonly Caveat[];
      /** Duration in milliseconds, without time for which the machine slept. */
      readonly workedMs?: number;
    }
  | Lost;

export interface SaveInput {
  readonly subagent: SubagentRef;
  /** The clone that has the commits. */
  readonly repository: string;
  /** The id of the store. */
  readonly store: string;
  readonly branch: string | null;
  readonly base: string;
  readonly head: string;
  readonly commits: number;
}
type SaveResult = { readonly kind: 'saved' } | Lost;

// ---- worker control queue -----------------------------------------------------

export interface DeliverInput {
  readonly subagent: SubagentRef;
  readonly steerId: string;
  readonly message: string;
  /**
   * The turn that runs according to the workflow. If the turn has not begun on the worker yet, delivery waits for it;
   * if it has ended, the result is `no-turn`.
   */
  readonly turn: number;
  /** First stop the running tool or model call. */
  readonly interrupt?: boolean;
}
/** `no-turn`: no live turn holds the Copilot session; the message is held instead. */
export type DeliverResult =
  { readonly kind: 'delivered'; readonly receipt: Receipt } | { readonly kind: 'no-turn' } | Lost;

export interface StopInput {
  readonly subagent: SubagentRef;
  /**
   * `kill` aborts the turn, closes the Copilot session and sweeps its processes. `end` closes and sweeps. `pause`, for
   * a subagent that waits for an answer, only closes. Each mode releases the slot at once.
   */
  readonly mode: 'kill' | 'end' | 'pause';
  /** The checkout whose lock is to be released. */
  readonly inPlaceRepo?: string;
  /** Whether the subagent loads the repository's own Copilot hooks, extensions and the like. */
  readonly trustRepo?: boolean;
  /** Where the collected work is, as the outcome will report it. */
  readonly collected?: { readonly cwd: string; readonly branch: string; readonly head: string };
}
export type StopResult =
  | {
      readonly kind: 'stopped';
      readonly sweep?: SweepReport;
      /** The current tip of the branch, if it differs from the collected commit; null when the branch is gone. */
      readonly movedTo?: string | null;
      /** Usage and denied calls of the turn that was aborted. */
      readonly cutShort?: TurnUsage;
    }
  | Lost;

export interface ReadTranscriptInput {
  readonly copilotSessionId: string;
  readonly of?: RunName;
  readonly cursor: number;
  /** Wait this long for something new, in milliseconds; 0 answers at once. */
  readonly waitMs: number;
}

/** A finished run that the worker which had it shall clean. */
export type RunToClean = Pick<SubagentRef, 'session' | 'label' | 'run' | 'workflowId' | 'runId'>;
export interface CleanInput {
  readonly runs: readonly RunToClean[];
  /** Also remove unmerged commits and uncommitted files. */
  readonly force: boolean;
  /** Clean only runs whose branch is merged. */
  readonly onlyMerged: boolean;
  /** Remove nothing, only report. */
  readonly dryRun: boolean;
}
export type CleanResult = { readonly kind: 'cleaned'; readonly runs: readonly CleanedRun[] } | Lost;

// ---- main queue ---------------------------------------------------------------

export interface WatchChildrenInput {
  readonly session: string;
  readonly children: readonly SessionEntry[];
}

export interface FindOrphansInput {
  readonly session: string;
  /** ISO 8601. A subagent that started later does not belong to an earlier session. */
  readonly before: string;
}

/** Activities on the control queues of hosts and pools. */
export interface HostActivities {
  admit(input: AdmitInput): Promise<Admission[] | Lost>;
  /** Looks at what a subagent would need on this worker. Changes nothing. */
  checkWorker(input: CheckWorkerInput): Promise<WorkerChecks | Lost>;
}
/** Activities on the queue of a pool. */
export interface PoolActivities {
  /**
   * Takes a subagent for this worker and reserves a slot. A worker that is full, or refuses, hands it back to the queue.
   * Fails as `Refused` once every worker of the pool has refused.
   */
  takeSubagent(input: TakeInput): Promise<TakeResult>;
}
/** Activities on the slot queues. */
export interface SlotActivities {
  holdSlot(input: HoldSlotInput): Promise<HoldSlotResult>;
}
/** Activities on a worker's queue. */
export interface WorkerActivities {
  /** Puts the work of a run that ends into the store. */
  saveWork(input: SaveInput): Promise<SaveResult>;
  cloneRepository(input: CloneInput): Promise<CloneResult>;
  prepareWorkspace(input: PrepareInput): Promise<Workspace | Lost>;
  setUpWorkspace(input: SetUpInput): Promise<SetUpResult>;
  runTurn(input: TurnInput): Promise<TurnResult>;
  collectEvidence(input: CollectInput): Promise<CollectResult>;
  verifyCommit(input: VerifyInput): Promise<VerifyResult>;
  pushBranch(input: PushInput): Promise<PushResult>;
}
/** Activities on a worker's control queue. */
export interface ControlActivities extends HostActivities {
  deliverSteer(input: DeliverInput): Promise<DeliverResult>;
  stopSubagent(input: StopInput): Promise<StopResult>;
  readTranscript(input: ReadTranscriptInput): Promise<TranscriptPage | Lost>;
  cleanRuns(input: CleanInput): Promise<CleanResult>;
}
export interface LookForWorkerInput {
  readonly workerId: string;
}
export interface FindPoolWorkersInput {
  readonly pool: string;
}
/** What the server knows about a worker. */
export interface WorkerSeen {
  readonly polls: boolean;
  /** ISO 8601: the worker's last poll, if the server remembers one. */
  readonly lastSeen?: string;
}

export interface ReopenSessionInput {
  readonly session: string;
}

/** Activities on the main queue. */
export interface SessionActivities {
  /** Whether a worker is there, judged by its latest poll. */
  lookForWorker(input: LookForWorkerInput): Promise<WorkerSeen>;
  /** The ids of the workers of a pool that are there, judged by their latest polls. */
  findPoolWorkers(input: FindPoolWorkersInput): Promise<readonly string[]>;
  /** Finds subagents of an earlier session of that name that are live, or that ended while there was no session. */
  findOrphans(input: FindOrphansInput): Promise<SessionEntry[]>;
  /**
   * Reopens a session that was ended from outside, with its state.
   * @returns whether the session can receive signals now
   */
  reopenSession(input: ReopenSessionInput): Promise<boolean>;
  /**
   * Waits until all children are closed. Signals `ended` for each child that has not signalled its end to the session.
   */
  watchChildren(input: WatchChildrenInput): Promise<void>;
}
