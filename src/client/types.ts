/** Options and results of the library, beyond the shared types of `src/contract`. */
import type {
  Announcement,
  Cleaned,
  CleanedRun,
  FinalStatus,
  Outcome,
  ActivityProgress,
  Question,
  SessionEntry,
  Stalled,
  Status,
  StepView,
  SubagentView,
  SweepReport,
  Usage,
} from '../contract/index.ts';

/** Where to find the Temporal server. Omitted options follow the rules of `src/temporal/target.ts`. */
export interface ConnectOptions {
  /** The home folder whose `up` provides the server; default: `SUBAGENTS_HOME`, else `~/.subagents`. */
  readonly home?: string | undefined;
  /** A profile of the Temporal TOML configuration file. */
  readonly profile?: string | undefined;
  /** `host:port` of the server's gRPC frontend. */
  readonly address?: string | undefined;
  /** Temporal namespace. */
  readonly namespace?: string | undefined;
  /** Environment to read instead of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The server and namespace in use. */
export interface ServerInfo {
  readonly address: string;
  readonly namespace: string;
  /** The rule that chose the server, for people: for example `--address` or `the running "subagents up"`. */
  readonly origin: string;
  /** Base URL of the Temporal Web UI, if known. */
  readonly uiUrl?: string | undefined;
  /** Whether this is the server of the `up` that runs in the home. */
  readonly embedded?: boolean | undefined;
}

/** Options of a spawn. */
export interface SpawnOptions {
  /** Requests with the same id spawn once, even after a lost answer; default: a new id. At most 100 characters. */
  readonly requestId?: string | undefined;
  /** The caller's folder: `repo` defaults to its git root, and relative paths start here; default `process.cwd()`. */
  readonly cwd?: string | undefined;
  /** The title of the session in the Web UI, if this spawn starts the session; default: its name. */
  readonly title?: string | undefined;
  /** How long to wait for the answer, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

/** Options of `SessionHandle.chain`. */
export interface ChainOptions extends SpawnOptions {
  /** Values of the chain's `params`. */
  readonly params?: Readonly<Record<string, string>> | undefined;
}

/** Options of `SessionHandle.retryChain`. */
export interface RetryOptions extends Omit<SpawnOptions, 'cwd' | 'title'> {
  /** Also run this step again, with all steps that need it; default: only the steps that are not done. */
  readonly from?: string | undefined;
}

/** Options of `SessionHandle.list`. */
export interface ListOptions {
  /** How many finished subagents to include, newest first; default 10. */
  readonly finished?: number | undefined;
  /** Include what each live subagent is doing; default true. */
  readonly progress?: boolean | undefined;
}

/** A worker that is away. */
export interface Absence {
  /** Absent when the server has given up the worker's activity. */
  readonly workerId?: string | undefined;
  /** ISO 8601, when the worker was last heard from. */
  readonly since: string;
}

/** A subagent in a list: its entry in the session, and what it is doing now. */
export interface SubagentRow extends SessionEntry {
  readonly session: string;
  /** The last heartbeat of a running turn, set-up or clone. */
  readonly progress?: ActivityProgress | undefined;
  /**
   * ISO 8601, when its status (or, while it works, its current action) began; absent when unknown, and once finished.
   */
  readonly since?: string | undefined;
  /** Why the subagent makes no progress, and since when: check this first. Absent while it makes progress. */
  readonly stalled?: Stalled | undefined;
  /** Set when the subagent's worker is away: nothing of the subagent proceeds. */
  readonly away?: Absence | undefined;
  /** The workflow fails at each try to go on, for example under a worker of another version: nothing proceeds. */
  readonly failing?: boolean | undefined;
  /** The session ended before the subagent; the next session of that name takes it over. */
  readonly orphan?: boolean | undefined;
  /** Only the home has a record of it: the server's database was replaced, or is an older copy. */
  readonly unknown?: boolean | undefined;
}

/** One session's subagents. */
export interface SessionListing {
  readonly session: string;
  readonly server: ServerInfo;
  /** Oldest first. */
  readonly live: readonly SubagentRow[];
  /** Newest first, at most as many as requested; after them, all runs that only the home has a record of. */
  readonly finished: readonly SubagentRow[];
  readonly finishedCount: number;
  /** Number of announcements that the default receiver has not acknowledged; null when the session did not answer. */
  readonly unacknowledged: number | null;
  /**
   * No worker polls, or none answered in time (`notes` says which): the rows come from the server's visibility store
   * and lack what only the session has.
   */
  readonly workerless: boolean;
  /** The session's workflow fails at each try to go on: the rows come from the server's visibility store. */
  readonly failing?: boolean | undefined;
  /** What a reader must know, for example that no worker polls and how to start one. */
  readonly notes: readonly string[];
}

/** A session, from the server's visibility store. */
export interface SessionOverview {
  readonly session: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Whether its workflow is open. */
  readonly open: boolean;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** Filters of a list. An omitted filter selects all subagents. */
export interface SelectionOptions {
  /** Only these sessions. */
  readonly sessions?: readonly string[] | undefined;
  /** Only subagents of one of these statuses. */
  readonly statuses?: readonly Status[] | undefined;
  /** Only subagents of this repository: a path, a URL, or the last component of either. */
  readonly repo?: string | undefined;
}

/** Options of `Subagents.list`. */
export interface FleetListOptions extends ListOptions, SelectionOptions {
  /** Include closed sessions, and every finished subagent that is still known; default false. */
  readonly all?: boolean | undefined;
}

/** All sessions of the namespace. */
export interface FleetList {
  readonly server: ServerInfo;
  readonly sessions: readonly SessionListing[];
  readonly workerless: boolean;
  readonly notes: readonly string[];
}

/** Options of `SubagentHandle.steer`. */
export interface SteerOptions {
  /** Messages with the same id are delivered once. `[A-Za-z0-9_-]{1,60}`; default: a new id. */
  readonly id?: string | undefined;
  /** First stop the running tool or model call, instead of letting it go on in the background; default false. */
  readonly interrupt?: boolean | undefined;
  /** How long to wait for the receipt, in milliseconds; default 60 s. */
  readonly timeoutMs?: number | undefined;
}

/** Options of `SubagentHandle.answer`. */
export interface AnswerOptions {
  /** The question to answer. Required when the subagent asked several together; default: the only open one. */
  readonly questionId?: string | undefined;
  /** Requests with the same id are one answer. At most 100 characters; default: a new id. */
  readonly requestId?: string | undefined;
  /** How long each try may take, in milliseconds; default 15 s. */
  readonly timeoutMs?: number | undefined;
}

/** Options of `SubagentHandle.kill`. */
export interface KillOptions {
  /**
   * Also end a subagent whose worker is away or whose workflow fails at each try: as *lost*, without proof of death.
   */
  readonly force?: boolean | undefined;
  /** How long to wait for the end, in milliseconds; default 2 minutes. */
  readonly timeoutMs?: number | undefined;
}

/** What a kill did. */
export interface KillReport {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  readonly runId: string;
  /** `killed`; `lost` after a kill by force; another status when the subagent ended by itself first. */
  readonly status: FinalStatus;
  /** The proof of death; absent when the subagent never had a worker, or is lost. */
  readonly sweep?: SweepReport | undefined;
  readonly outcome: Outcome;
}

/** Options of `SubagentHandle.diff`. */
export interface DiffOptions {
  /** One line for each file instead of the changes; default false. */
  readonly stat?: boolean | undefined;
  /** Columns for `stat`; default 100. */
  readonly width?: number | undefined;
  /** Maximum size of the text in bytes; default 4 MiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The changes of a subagent. */
export interface SubagentDiff {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  /** The subagent is live: the text is of its folder, with uncommitted and new files. */
  readonly live: boolean;
  readonly repository: string;
  readonly branch: string | null;
  /** The commit that the diff starts from. */
  readonly base: string;
  /** The commit that the diff ends at; null: the folder as it is. */
  readonly head: string | null;
  /**
   * Output of `git diff` without colour. It contains raw file content: sanitize it before printing it to a terminal.
   */
  readonly text: string;
  /** Whether the text was cut at `maxBytes`. */
  readonly truncated: boolean;
  /** What a reader must know, for example that the branch is gone. */
  readonly notes: readonly string[];
}

/** Options of `SubagentHandle.merge`. */
export interface MergeOptions {
  /** Make one commit of all changes instead of keeping the history; default false. */
  readonly squash?: boolean | undefined;
  /** The commit message. With a message, a merge commit is made even where a fast-forward is possible. */
  readonly message?: string | undefined;
  /**
   * Also merge a run that is not done or has a blocking caveat, and a branch that moved since the outcome; default
   * false.
   */
  readonly force?: boolean | undefined;
  /** Folder in the checkout to merge into, of the same repository; default: the one around `cwd`. */
  readonly into?: string | undefined;
  /**
   * The caller's folder. By default, outside of any checkout, and in the worktree of a subagent, the merge goes into
   * the checkout that the subagent was spawned from.
   */
  readonly cwd?: string | undefined;
}

/** What a merge did. */
export interface MergeReport {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  /** `already-merged`: there was nothing to do. */
  readonly how: 'fast-forward' | 'merge' | 'squash' | 'already-merged';
  /** The branch that was merged into, in `checkout`. */
  readonly into: string;
  readonly checkout: string;
  readonly repository: string;
  /** The subagent's branch, and the commit of it that was merged. */
  readonly branch: string | null;
  readonly merged: string;
  /** The tip of `into` before and after the merge. */
  readonly before: string;
  readonly commit: string;
  readonly diffStat: { readonly files: number; readonly insertions: number; readonly deletions: number };
}

/** Options of `clean`. */
export interface CleanOptions {
  /**
   * Only subagents of this repository: a folder in one of its checkouts (relative to `process.cwd()`), or its URL.
   * Default: all.
   */
  readonly repo?: string | undefined;
  /** Clean only subagents whose branch is merged; default false. */
  readonly merged?: boolean | undefined;
  /** Remove nothing, only report what would be removed; default false. */
  readonly dryRun?: boolean | undefined;
  /** Also remove commits that are on no other branch, and uncommitted files; default false. */
  readonly force?: boolean | undefined;
}

/** What a clean removed (or, with `dryRun`, would remove) and kept. */
export interface CleanReport {
  readonly dryRun: boolean;
  /** In the order of the targets. A run with nothing removed and nothing kept had nothing left. */
  readonly runs: readonly CleanedRun[];
  readonly freedBytes: number;
}

/** Options of `SubagentHandle.result`. */
export interface ResultOptions {
  /** Ends the wait; the subagent goes on. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds, at most 24 days; default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
}

/** Everything known about one subagent. */
export interface SubagentDescription extends Partial<
  Pick<SubagentView, 'cwd' | 'copilotSessionId' | 'permissions'>
> {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  /** First execution run id. */
  readonly runId: string;
  readonly status: SessionEntry['status'];
  /** ISO 8601, when this status (or, while it works, the current action) began. */
  readonly since: string;
  /** For people: the tool that runs, or what the status means. */
  readonly doing: string;
  /** Why the subagent makes no progress, and since when: check this first. Absent while it makes progress. */
  readonly stalled?: Stalled | undefined;
  /** Set when the subagent's worker is away: nothing of the subagent proceeds. */
  readonly away?: Absence | undefined;
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  /** The beginning of the task. */
  readonly task?: string | undefined;
  readonly repo?: string | undefined;
  readonly branch?: string | null | undefined;
  readonly workerId?: string | undefined;
  readonly model?: string | undefined;
  readonly usage?: Usage | undefined;
  /** ISO 8601, when the last model event or tool output arrived. */
  readonly lastEventAt?: string | undefined;
  readonly lastMessage?: string | undefined;
  readonly turns: number;
  readonly questions: readonly Question[];
  readonly steers: SubagentView['steers'];
  /** For a chain: the state of each step. */
  readonly steps?: readonly StepView[] | undefined;
  /** Present when the subagent has ended and left one. */
  readonly outcome?: Outcome | undefined;
  /** Its page in the Temporal Web UI, if known. */
  readonly url?: string | undefined;
  /** What a clean has removed since the end. */
  readonly cleaned?: Cleaned | undefined;
  readonly workerless: boolean;
  readonly notes: readonly string[];
}

/** An announcement with a method to acknowledge it. */
export type ReceivedAnnouncement = Announcement & {
  /** Acknowledges the announcement for this receiver. A plain `for await` does it by asking for the next one. */
  acknowledge(): Promise<void>;
};

/** Options of `SessionHandle.announcements`. */
export interface AnnouncementOptions {
  /** The receiver's name. Each receiver acknowledges for itself; default `main`. */
  readonly receiver?: string | undefined;
  /** Ends the iteration at once. */
  readonly signal?: AbortSignal | undefined;
  /**
   * When an announcement is acknowledged: `next` (default), when the following one is asked for; `manual`, only by
   * `acknowledge()`.
   */
  readonly acknowledge?: 'next' | 'manual' | undefined;
  /** End after the announcements that are unacknowledged now, instead of waiting for more; default false. */
  readonly once?: boolean | undefined;
  /** Called with the error of each lost connection, before the next try. */
  readonly onReconnect?: ((error: unknown) => void) | undefined;
}

/** Options of `SubagentHandle.transcript`. */
export interface TranscriptOptions {
  /** Wait for more entries until the subagent ends; default false. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}
