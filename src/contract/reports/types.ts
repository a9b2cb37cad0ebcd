// Written by test/contract/schemas.test.ts from the schemas in documented.ts: not to be changed by hand.

import type { CaveatKind } from '../outcome/caveat.ts';
import type { ErrorCode } from '../errors.ts';
import type { Remains } from '../protocol/messages.ts';
import type { Isolation, Permissions } from '../spawn/spec.ts';
import type { StallReason } from '../status/stalled.ts';
import type { FinalStatus, Status } from '../status/status.ts';

/** Identifies one run of a subagent. */
export interface SubagentIdentity {
  readonly session: string;
  readonly label: string;
  /** 1 for the first subagent of this label */
  readonly run: number;
  readonly workflowId: string;
  /** the first execution run id of its workflow */
  readonly runId: string;
}

/** An error, as every face reports it. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  /** what to do now */
  readonly remedy?: string | undefined;
}

/** The server and namespace in use. */
export interface ServerInfo {
  readonly address: string;
  readonly namespace: string;
  /** the rule that chose the server, for people: for example `--address` or `the running "subagents up"` */
  readonly origin: string;
  /** base URL of the Temporal Web UI, if known */
  readonly uiUrl?: string | undefined;
  /** whether this is the server of the `up` that runs in the home */
  readonly embedded?: boolean | undefined;
}

/** A message from a session to its main agent. At most 1 KB; the receiver fetches the outcome by reference. */
export interface Announcement {
  /** stable: a receiver that ignores ids that it has seen gets each announcement once */
  readonly id: string;
  readonly kind:
    'completed' | 'failed' | 'killed' | 'question' | 'approval' | 'stuck' | 'worker-away' | 'notice';
  readonly session: string;
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  /** the first execution run id of the subagent workflow */
  readonly runId: string;
  readonly status: Status;
  /** kinds of its caveats, if it is done */
  readonly caveats?: readonly CaveatKind[] | undefined;
  /** the id of the approval that it asks for */
  readonly approval?: string | undefined;
  readonly summary: string;
  readonly at: string;
}

/** A spawn that was accepted: its workflow has started. */
export interface SpawnAccepted {
  readonly status: 'accepted';
  readonly label: string;
  /** 1 for the first subagent of this label */
  readonly run: number;
  readonly workflowId: string;
  /** the first execution run id of its workflow */
  readonly runId: string;
  /** what the caller should know, for example that uncommitted changes are left out */
  readonly notes: readonly string[];
  /** an equal request was accepted before and what it started is live: nothing new was started */
  readonly repeated?: true | undefined;
}

/** A spawn that the session refused: nothing has started. */
export interface SpawnRefused {
  readonly status: 'refused';
  readonly label: string;
  readonly code: string;
  readonly reason: string;
  /** what to do now */
  readonly remedy?: string | undefined;
}

/** An action on a subagent, and who took it. */
export interface AuditEntry {
  /** ISO 8601 */
  readonly at: string;
  readonly action:
    'spawn' | 'continue' | 'steer' | 'answer' | 'approve' | 'reject' | 'kill' | 'forget' | 'merge';
  /** the identity of the caller, as `alice@devbox (terminal)`; Temporal’s own tools have another form */
  readonly by: string;
}

/** How a steer was delivered. */
export interface Receipt {
  readonly id: string;
  readonly delivery: 'mid-turn' | 'queued-behind-tool' | 'started-turn' | 'interrupted' | 'held';
  readonly at: string;
  /** what the subagent was doing when the message arrived */
  readonly during?: string | undefined;
}

/** A question of a subagent. */
export interface Question {
  readonly id: string;
  readonly question: string;
  readonly choices?: readonly string[] | undefined;
  readonly at: string;
}

/** The receipt of an answer: the question that it answered, and the questions that are still open. */
export interface AnswerReceipt {
  readonly questionId: string;
  /** the question, in the words of the subagent */
  readonly question: string;
  /** the question already had the same answer */
  readonly repeated: boolean;
  /** questions that still wait for an answer */
  readonly open: readonly Question[];
}

/** A tool call that is not made before it is approved. */
export interface Approval {
  /** unique among all runs; a decision names it */
  readonly id: string;
  /** the tool that the model calls, for example bash */
  readonly tool: string;
  /** the command, the path or the address on one line, cut short; text from a model */
  readonly what: string;
  /** the rule that asks */
  readonly rule?: string | undefined;
  /** where that rule is from */
  readonly layer?: string | undefined;
  /** why the rule asks, in the words of its author */
  readonly reason?: string | undefined;
  /** the calls that an approval of the kind covers; absent if only this call can be approved */
  readonly always?: string | undefined;
  /** when it was asked */
  readonly at: string;
}

/** An approval that was decided, or is over without a decision. */
export interface DecidedApproval extends Approval {
  readonly decision: 'approved' | 'approved-always' | 'rejected' | 'expired' | 'withdrawn';
  readonly decidedAt: string;
  /** the identity of the caller that decided, as in the audit */
  readonly by?: string | undefined;
  /** the words of the decision */
  readonly why?: string | undefined;
}

/** An approval that waits for a decision, and the subagent that waits for it. */
export interface OpenApproval extends SubagentIdentity {
  /** unique among all runs; a decision names it */
  readonly id: string;
  /** the tool that the model calls, for example bash */
  readonly tool: string;
  /** the command, the path or the address on one line, cut short; text from a model */
  readonly what: string;
  /** the rule that asks */
  readonly rule?: string | undefined;
  /** where that rule is from */
  readonly layer?: string | undefined;
  /** why the rule asks, in the words of its author */
  readonly reason?: string | undefined;
  /** the calls that an approval of the kind covers; absent if only this call can be approved */
  readonly always?: string | undefined;
  /** when it was asked */
  readonly at: string;
}

/** The receipt of a decision on an approval: what was decided, and what is still open. */
export interface ApprovalReceipt {
  readonly approvalId: string;
  readonly tool: string;
  /** the call that was decided on; text from a model */
  readonly what: string;
  readonly decision: 'approved' | 'approved-always' | 'rejected';
  /** after approved-always: the calls that are approved from now on */
  readonly always?: string | undefined;
  /** ids of other open approvals that the same decision approved, because they are of its kind */
  readonly also: readonly string[];
  /** the approval already had the same decision */
  readonly repeated: boolean;
  /** approvals that still wait for a decision */
  readonly open: readonly Approval[];
}

/** Usage of model calls. Tokens are counted as the provider reports them. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly modelRequests: number;
  readonly toolCalls: number;
}

/** Why a subagent makes no progress, and since when. */
export interface Stalled {
  readonly reason: StallReason;
  /** ISO 8601 */
  readonly since: string;
  /** details on one line: what runs, what failed, when the next attempt is; may contain text from a model */
  readonly detail?: string | undefined;
}

/** Heartbeat details of a clone, a set-up or a turn, which a list shows for a working subagent. */
export interface ActivityProgress {
  readonly doing: string;
  readonly tool?: string | undefined;
  /** ISO 8601, when `doing` began */
  readonly since: string;
  /** ISO 8601, when the last model event or tool output arrived */
  readonly lastEventAt: string;
  readonly lastMessage?: string | undefined;
  readonly model?: string | undefined;
  readonly usage: Usage;
  /** of a turn: working time of the attempt so far, in milliseconds */
  readonly workedMs?: number | undefined;
  /** number of this turn’s tool calls that its permissions did not allow */
  readonly denied?: number | undefined;
}

/** A worker that is away. */
export interface Absence {
  /** absent when the server has given up the worker’s activity, or no worker has it yet */
  readonly workerId?: string | undefined;
  /** the pool in which it waits, and which has no worker */
  readonly pool?: string | undefined;
  /** ISO 8601, when the worker was last heard from, or the subagent began to wait for one */
  readonly since: string;
}

/** The remains of a finished run that `clean` or the worker’s retention has removed. */
export interface Cleaned {
  /** time of the last removal */
  readonly at: string;
  readonly removed: readonly Remains[];
}

/** A session’s entry of a subagent. */
export interface SessionEntry {
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  readonly runId: string;
  readonly status: Status;
  /** the beginning of the task */
  readonly task: string;
  readonly repo: string;
  /** only while it is live */
  readonly isolation?: Isolation | undefined;
  readonly branch?: string | null | undefined;
  readonly head?: string | undefined;
  /** the worker that ran it */
  readonly workerId?: string | undefined;
  readonly model?: string | undefined;
  /** how it ended */
  readonly summary?: string | undefined;
  /** kinds of its caveats, blocking ones first */
  readonly caveats?: readonly CaveatKind[] | undefined;
  /** tool calls that its permissions did not allow */
  readonly denied?: number | undefined;
  /** fingerprint of its spec, only while it is live */
  readonly fingerprint?: string | undefined;
  /** input and output tokens together, once it has ended */
  readonly tokens?: number | undefined;
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  /** which of its remains were removed since it ended */
  readonly cleaned?: Cleaned | undefined;
  /** who merged its work last */
  readonly merged?: AuditEntry | undefined;
}

/** A subagent in a list: its entry in the session, and what it is doing now. */
export interface SubagentRow extends SessionEntry {
  readonly session: string;
  /** the last heartbeat of a running turn, set-up or clone */
  readonly progress?: ActivityProgress | undefined;
  /** ISO 8601, when its status (or, while it works, its current action) began; absent when unknown, and once finished */
  readonly since?: string | undefined;
  readonly stalled?: Stalled | undefined;
  readonly away?: Absence | undefined;
  /** the workflow fails at every attempt, for example under a worker of another version: nothing proceeds */
  readonly failing?: boolean | undefined;
  /** the session ended before the subagent; the next session of that name takes it over */
  readonly orphan?: boolean | undefined;
  /** only the home has a record of it: the server’s database was replaced, or is an older copy */
  readonly unknown?: boolean | undefined;
}

/** One session’s subagents. */
export interface SessionListing {
  readonly session: string;
  readonly server: ServerInfo;
  /** oldest first */
  readonly live: readonly SubagentRow[];
  /** newest first, at most as many as requested; after them, all runs that only the home has a record of */
  readonly finished: readonly SubagentRow[];
  readonly finishedCount: number;
  /** number of announcements that the default receiver has not acknowledged; null when the session did not answer */
  readonly unacknowledged: number | null;
  /** no worker polls, or none answered in time (`notes` says which): the rows come from the server’s visibility store and lack what only the session has */
  readonly workerless: boolean;
  /** the session’s workflow fails at every attempt: the rows come from the server’s visibility store */
  readonly failing?: boolean | undefined;
  /** what a reader must know, for example that no worker polls and how to start one */
  readonly notes: readonly string[];
}

/** All sessions of the namespace. */
export interface FleetList {
  readonly server: ServerInfo;
  readonly sessions: readonly SessionListing[];
  /** no worker polls, or none answered in time (`notes` says which): the rows come from the server’s visibility store and lack what only the session has */
  readonly workerless: boolean;
  /** what a reader must know, for example that no worker polls and how to start one */
  readonly notes: readonly string[];
}

/** A session, from the server’s visibility store. */
export interface SessionOverview {
  readonly session: string;
  readonly workflowId: string;
  readonly runId: string;
  /** whether its workflow is open */
  readonly open: boolean;
  /** ISO 8601 */
  readonly startedAt: string;
}

/** What a worker says of itself. */
export interface WorkerDescription {
  readonly workerId: string;
  readonly host: string;
  readonly user: string;
  /** the pools that it joined */
  readonly pools: readonly string[];
  /** `draining`: it takes nothing new, and ends */
  readonly state: 'running' | 'draining';
  readonly slots: {
    readonly inUse: number;
    readonly total: number;
  };
  readonly versions: {
    readonly product: string;
    readonly contract: number;
    /** of Copilot CLI; absent while its runtime does not run */
    readonly copilot?: string | undefined;
  };
  /** when its process started */
  readonly since: string;
  /** the models that a spawn may name; absent: any */
  readonly models?: readonly string[] | undefined;
  /** the model of spawns that name none; absent: Copilot’s choice */
  readonly model?: string | undefined;
  /** where its models come from: a login, or a provider */
  readonly access?: string | undefined;
  /** the folders and URLs that it accepts; absent: any */
  readonly repositories?: readonly string[] | undefined;
  readonly sandbox: 'off' | 'on' | 'required';
  /** the id of the key that encrypts its messages; absent: none does */
  readonly key?: string | undefined;
  readonly home: string;
  /** free disk space of its home */
  readonly freeBytes: number;
  /** when it described itself: on change, at most once a minute */
  readonly at: string;
}

/** A worker of the server: what it said of itself, and whether it is there. */
export interface WorkerInfo {
  readonly user?: string | undefined;
  /** the pools that it joined */
  readonly pools?: readonly string[] | undefined;
  /** `draining`: it takes nothing new, and ends */
  readonly state?: 'running' | 'draining' | undefined;
  readonly slots?:
    | {
        readonly inUse: number;
        readonly total: number;
      }
    | undefined;
  /** when its process started */
  readonly since?: string | undefined;
  /** the models that a spawn may name; absent: any */
  readonly models?: readonly string[] | undefined;
  /** the model of spawns that name none; absent: Copilot’s choice */
  readonly model?: string | undefined;
  /** where its models come from: a login, or a provider */
  readonly access?: string | undefined;
  /** the folders and URLs that it accepts; absent: any */
  readonly repositories?: readonly string[] | undefined;
  readonly sandbox?: 'off' | 'on' | 'required' | undefined;
  /** the id of the key that encrypts its messages; absent: none does */
  readonly key?: string | undefined;
  readonly home?: string | undefined;
  /** free disk space of its home */
  readonly freeBytes?: number | undefined;
  /** when it described itself: on change, at most once a minute */
  readonly at?: string | undefined;
  readonly workerId: string;
  readonly host?: string | undefined;
  /** only the contract, if the worker has not described itself */
  readonly versions: {
    readonly product?: string | undefined;
    readonly contract?: number | undefined;
    /** of Copilot CLI; absent while its runtime does not run */
    readonly copilot?: string | undefined;
  };
  /** `here`: it polls for tasks */
  readonly presence: 'here' | 'away';
  /** ISO 8601, when its last poll began; absent: the server, which keeps that for minutes, has forgotten it */
  readonly lastSeen?: string | undefined;
}

/** The workers of a server. */
export interface WorkerList {
  readonly server: ServerInfo;
  /** those that are here first, by host; then those away, newest first */
  readonly workers: readonly WorkerInfo[];
}

/** The result of one check of `doctor`. */
export interface Check {
  readonly name: string;
  readonly result: 'ok' | 'warn' | 'fail';
  /** what was found */
  readonly detail: string;
  /** what to do now; with every result but `ok` */
  readonly remedy?: string | undefined;
}

/** What a worker of a pool found out about itself. */
export interface PoolCheck {
  readonly pool: string;
  /** the worker that looked; the others of the pool may differ */
  readonly workerId: string;
  readonly host: string;
  /** no check failed */
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** A subagent of a chain, or a step that has no subagent yet. */
export interface StepView {
  /** id of the step; with forEach it ends in an index, for example fix-2 */
  readonly id: string;
  /** id of the step as declared; with forEach all subagents have the same */
  readonly step?: string | undefined;
  /** label of its subagent */
  readonly label: string;
  readonly needs: readonly string[];
  readonly status: 'waiting' | 'live' | 'skipped' | FinalStatus;
  readonly run?: number | undefined;
  readonly workflowId?: string | undefined;
  readonly runId?: string | undefined;
  readonly branch?: string | null | undefined;
  readonly head?: string | undefined;
  /** kinds of its caveats, blocking ones first */
  readonly caveats?: readonly CaveatKind[] | undefined;
  /** ISO 8601; absent until it has started */
  readonly startedAt?: string | undefined;
  /** time from start to end; absent until it has ended */
  readonly totalMs?: number | undefined;
  /** input and output tokens together; absent until it has ended */
  readonly tokens?: number | undefined;
  /** how it ended, or why it was skipped */
  readonly summary?: string | undefined;
}

/** Everything known about one subagent. */
export interface SubagentDescription extends SubagentIdentity {
  readonly status: Status;
  /** ISO 8601, when this status (or, while it works, the current action) began */
  readonly since: string;
  /** for people: the tool that runs, or what the status means */
  readonly doing: string;
  readonly stalled?: Stalled | undefined;
  readonly away?: Absence | undefined;
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  /** the beginning of the task */
  readonly task?: string | undefined;
  readonly repo?: string | undefined;
  readonly branch?: string | null | undefined;
  readonly cwd?: string | undefined;
  readonly copilotSessionId?: string | undefined;
  readonly permissions?: Permissions | undefined;
  readonly workerId?: string | undefined;
  readonly model?: string | undefined;
  readonly usage?: Usage | undefined;
  /** ISO 8601, when the last model event or tool output arrived */
  readonly lastEventAt?: string | undefined;
  readonly lastMessage?: string | undefined;
  readonly turns: number;
  readonly questions: readonly Question[];
  /** tool calls that wait for an approval */
  readonly approvals: readonly Approval[];
  /** newest last, at most 20, with the beginning of each message */
  readonly steers: readonly {
    readonly id: string;
    readonly message: string;
    readonly receipt?: Receipt | undefined;
  }[];
  /** of a chain: the state of each step */
  readonly steps?: readonly StepView[] | undefined;
  /** present when the subagent has ended and left one */
  readonly outcome?: Outcome | undefined;
  /** its page in the Temporal Web UI, if known */
  readonly url?: string | undefined;
  /** who spawned, steered, answered, ended and merged it: the first entry and the newest ones */
  readonly audit: readonly AuditEntry[];
  /** which of its remains were removed since it ended */
  readonly cleaned?: Cleaned | undefined;
  /** no worker polls, or none answered in time: what only its workflow knows is missing */
  readonly workerless: boolean;
  /** what a reader must know, for example that no worker polls and how to start one */
  readonly notes: readonly string[];
}

/** The result of a set-up or verification command. Verification runs on the commit that the outcome names. */
export interface Verification {
  readonly command: string;
  /** null if a signal or a timeout ended the command, or if it could not be started */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** the end of its output, stdout and stderr interleaved */
  readonly outputTail: string;
  /** path of the complete output, in the worker’s home */
  readonly outputFile?: string | undefined;
  /** why there is no exit code: timed out, not found, killed by a signal */
  readonly problem?: string | undefined;
}

/** The state of the workspace after the last turn, measured by us and not reported by the subagent. */
export interface Evidence {
  /** the worktree, or the checkout when in-place */
  readonly cwd: string;
  /** null if in-place on a detached HEAD */
  readonly branch: string | null;
  /** the commit it started from */
  readonly base: string;
  /** the repository that has the branch, if the subagent was spawned from a URL */
  readonly repository?: string | undefined;
  /** the commit that was verified */
  readonly head: string;
  /** base..head, newest first, at most 50 */
  readonly commits: readonly {
    readonly sha: string;
    readonly subject: string;
  }[];
  readonly commitCount: number;
  readonly diffStat: {
    readonly files: number;
    readonly insertions: number;
    readonly deletions: number;
  };
  /** paths, at most 100 */
  readonly filesChanged: readonly string[];
  /** the subagent left uncommitted changes, which the worker committed to its branch */
  readonly savedLeftovers: boolean;
  /** in-place only: paths with uncommitted changes */
  readonly uncommitted: readonly string[];
  /** work in the worktree that is in no commit, at most 100 paths; it is lost with the worktree */
  readonly unsaved?:
    | readonly {
        /** relative to the root of the worktree; a folder ends in / */
        readonly path: string;
        /** why it is in no commit */
        readonly reason: string;
      }[]
    | undefined;
  /** git-ignored files that appeared while the subagent worked, by top folder, at most 100 */
  readonly ignored?: readonly string[] | undefined;
  /** what changed outside its worktree while it worked, caused by the subagent or by others: configuration, hooks, HEAD, branches, files of the checkout */
  readonly touchedOutside?: readonly string[] | undefined;
  /** changed tests, CI files, package scripts: what a reviewer should look at first */
  readonly sensitive: readonly string[];
}

/** One caveat of an outcome. */
export interface Caveat {
  readonly kind: CaveatKind;
  /** blocking: merge and push refuse the branch without force, and `wait` exits 9; advisory: nothing is refused */
  readonly grade: 'blocking' | 'advisory';
  /** the details: paths, commits, reasons; the names in it were chosen by the subagent */
  readonly text: string;
}

/** The proof of death: the result of the sweep at the end of every subagent. */
export interface SweepReport {
  /** how many processes the subagent had left running */
  readonly found: number;
  readonly ended: number;
  /** processes that are still alive after SIGKILL */
  readonly left: readonly {
    readonly pid: number;
    readonly command: string;
  }[];
  /** proven: a last scan of the process table found none; unproven: this is not Linux, or no scan saw every process */
  readonly proof: 'proven' | 'unproven';
  /** kinds of processes that the scan cannot find, for example in containers */
  readonly notChecked: readonly string[];
  /** commands that were running, at most 10 */
  readonly commands: readonly string[];
  readonly durationMs: number;
}

/** How a subagent ended, with evidence. */
export interface Outcome {
  readonly status: FinalStatus;
  readonly label: string;
  readonly session: string;
  /** 1 for the first subagent of this label */
  readonly run: number;
  readonly summary: string;
  /** the final message of the subagent, in its own words */
  readonly report: string;
  /** length of the whole final message in characters, if `report` is only its beginning; the transcript has all of it */
  readonly reportChars?: number | undefined;
  /** of a step with `output`: the data of its report, valid against the schema */
  readonly output?: unknown;
  /** of a done step with `artifacts`: the contents of these files, by path */
  readonly artifacts?: Readonly<Record<string, string>> | undefined;
  readonly failure?:
    | {
        readonly class:
          | 'refused'
          | 'workspace'
          | 'setup'
          | 'model'
          | 'copilot'
          | 'verification'
          | 'output'
          | 'artifacts'
          | 'push'
          | 'budget'
          | 'worker'
          | 'chain'
          | 'internal';
        /** the kind of error that ended a failed turn */
        readonly cause?:
          | 'credentials'
          | 'rate-limit'
          | 'provider'
          | 'network'
          | 'context'
          | 'request'
          | 'refusal'
          | 'copilot'
          | 'disk'
          | undefined;
        readonly message: string;
        /** what to do now */
        readonly remedy?: string | undefined;
      }
    | undefined;
  /** what a reader must know about its work, blocking ones first: “done, but: …” */
  readonly caveats: readonly Caveat[];
  /** absent if no workspace was ever made */
  readonly evidence?: Evidence | undefined;
  /** the set-up commands, if there were any */
  readonly setup?: readonly Verification[] | undefined;
  /** the push of the branch, if one was requested */
  readonly push?:
    | {
        /** the URL */
        readonly remote: string;
        /** the branch at the remote, as refs/heads/…; absent if the push failed */
        readonly ref?: string | undefined;
        readonly commit: string;
        /** why the push failed or was not tried; the work is still on the branch */
        readonly problem?: string | undefined;
      }
    | undefined;
  /** of a checkout that went to a pool: the work in the store, from where it comes back */
  readonly saved?:
    | {
        /** the id of the store */
        readonly store: string;
        /** the commit that was saved, or was to be saved */
        readonly commit: string;
        /** the host and user whose checkout it is for */
        readonly hostQueue: string;
        /** why the work is not in the store: then it is only on the worker */
        readonly problem?: string | undefined;
      }
    | undefined;
  readonly verifications: readonly Verification[];
  /** turns that were spent on repairs after a failed verification */
  readonly repairs: number;
  readonly turns: number;
  /** the id of the worker that ran it, and has its workspace */
  readonly worker?: string | undefined;
  readonly model?: string | undefined;
  readonly usage: Usage;
  readonly durations: {
    readonly queuedMs: number;
    readonly workingMs: number;
    readonly verifyingMs: number;
    readonly totalMs: number;
  };
  readonly sweep?: SweepReport | undefined;
  /** what its tools were allowed to do */
  readonly permissions?: Permissions | undefined;
  /** tool calls that its permissions denied; in a sandbox also what it refused (tool `network`, `files`) and commands that it ended (tool `memory`, `processes`, `disk`); at most 20 and one entry for all others */
  readonly denials: readonly {
    readonly tool: string;
    /** what the call was to do: a path, a command; text from a model, cut short */
    readonly what: string;
    readonly count: number;
  }[];
  /** tool calls that needed an approval, with the decisions, oldest first; at most the newest 100 */
  readonly approvals?: readonly DecidedApproval[] | undefined;
  /** with `trustRepo`: hooks, extensions, MCP servers, skills and agents that were loaded from the repository */
  readonly loaded: readonly string[];
  /** of a chain: the result of each step */
  readonly steps?: readonly StepView[] | undefined;
  /** who spawned, steered, answered and ended it: the first entry and the newest 99 */
  readonly audit?: readonly AuditEntry[] | undefined;
  /** what a reader must know: interrupted commands, lost attempts, leftovers */
  readonly notes: readonly string[];
}

/** What a kill did. */
export interface KillReport extends SubagentIdentity {
  /** killed; lost after a kill by force; another status when the subagent ended by itself first */
  readonly status: FinalStatus;
  /** the proof of death; absent when the subagent never had a worker, or is lost */
  readonly sweep?: SweepReport | undefined;
  readonly outcome: Outcome;
}

/** The changes of a subagent. */
export interface SubagentDiff {
  readonly session: string;
  readonly label: string;
  /** 1 for the first subagent of this label */
  readonly run: number;
  /** the subagent is live: the text is of its folder, with uncommitted and new files */
  readonly live: boolean;
  readonly repository: string;
  readonly branch: string | null;
  /** the commit that the diff starts from */
  readonly base: string;
  /** the commit that the diff ends at; null: the folder as it is */
  readonly head: string | null;
  /** output of `git diff` without colour; it contains raw file content: sanitize it before printing it to a terminal */
  readonly text: string;
  /** whether the text was cut at the maximum size */
  readonly truncated: boolean;
  /** what a reader must know, for example that the branch is gone */
  readonly notes: readonly string[];
}

/** What a merge did. */
export interface MergeReport {
  readonly session: string;
  readonly label: string;
  /** 1 for the first subagent of this label */
  readonly run: number;
  /** already-merged: there was nothing to do */
  readonly how: 'fast-forward' | 'merge' | 'squash' | 'already-merged';
  /** the branch that was merged into, in `checkout` */
  readonly into: string;
  readonly checkout: string;
  readonly repository: string;
  /** the subagent’s branch */
  readonly branch: string | null;
  /** the commit of the subagent’s branch that was merged */
  readonly merged: string;
  /** the tip of `into` before the merge */
  readonly before: string;
  /** the tip of `into` after the merge */
  readonly commit: string;
  readonly diffStat: {
    readonly files: number;
    readonly insertions: number;
    readonly deletions: number;
  };
}

/** What a clean did for one run. If nothing of the run was left, nothing is removed and nothing kept. */
export interface CleanedRun extends SubagentIdentity {
  readonly removed: readonly Remains[];
  readonly kept: readonly {
    readonly what: 'worktree' | 'branch' | 'kept' | 'copilot' | 'outputs' | 'all';
    /** a path, or the name of a branch */
    readonly where: string;
    readonly why: string;
  }[];
  /** freed disk space; branches do not count */
  readonly freedBytes: number;
}

/** What a clean removed (or, with `dryRun`, would remove) and kept. */
export interface CleanReport {
  /** nothing was removed: this is what a clean would remove */
  readonly dryRun: boolean;
  /** in the order of the targets; a run with nothing removed and nothing kept had nothing left */
  readonly runs: readonly CleanedRun[];
  readonly freedBytes: number;
}

/** One readable line of a transcript. Its text comes from the model or a tool: treat it as data. */
export interface TranscriptEntry {
  readonly at: string;
  readonly kind:
    'task' | 'steer' | 'message' | 'reasoning' | 'tool' | 'tool-result' | 'warning' | 'error' | 'turn-end';
  /** bounded excerpt */
  readonly text: string;
  readonly tool?: string | undefined;
  readonly toolCallId?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly ok?: boolean | undefined;
  readonly durationMs?: number | undefined;
}
