/** What the library takes and gives, beyond the shared words of `src/contract`. */
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

/** Where to find the Temporal server. Everything left out is found by the rules of `src/temporal/target.ts`. */
export interface ConnectOptions {
  /** The home folder whose `up` is asked for its server; default: `SUBAGENTS_HOME`, else the user's. */
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

/** The server and namespace in use, for people to see. */
export interface ServerInfo {
  readonly address: string;
  readonly namespace: string;
  /** Which rule chose it, in words, for example `--address` or `the running "subagents up"`. */
  readonly origin: string;
  /** Base URL of the Temporal Web UI, where known. */
  readonly uiUrl?: string | undefined;
  /** Whether it is the server of the `up` that runs in this home. */
  readonly embedded?: boolean | undefined;
}

export interface SpawnOptions {
  /** The same id spawns once, also after a lost answer; default: a new one. At most 100 characters. */
  readonly requestId?: string | undefined;
  /** Where the caller stands: `repo` defaults to its git root, and relative paths start here; default `process.cwd()`. */
  readonly cwd?: string | undefined;
  /** What the session is called in the Web UI, where this spawn starts it; default: its name. */
  readonly title?: string | undefined;
  /** How long to wait for the answer, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

export interface ChainOptions extends SpawnOptions {
  /** Values of the chain's `params`. */
  readonly params?: Readonly<Record<string, string>> | undefined;
}

export interface RetryOptions extends Omit<SpawnOptions, 'cwd' | 'title'> {
  /** Run this step again too, and all that needs it; default: only what is not done. */
  readonly from?: string | undefined;
}

export interface ListOptions {
  /** How many finished subagents to include, newest first; default 10. */
  readonly finished?: number | undefined;
  /** Ask every live subagent what it is doing; default true. */
  readonly progress?: boolean | undefined;
}

/** A worker that gives no sign of life. */
export interface Absence {
  /** Absent where the server has given up what it was at. */
  readonly workerId?: string | undefined;
  /** ISO 8601, its last sign of life. */
  readonly since: string;
}

/** A subagent in a list: what its session knows of it, and what it is doing right now. */
export interface SubagentRow extends SessionEntry {
  readonly session: string;
  /** Of a subagent whose turn or set-up runs, from its last heartbeat. */
  readonly progress?: ActivityProgress | undefined;
  /** ISO 8601, when its status (or, while working, what it is doing) began; absent where that is not known, and of finished ones. */
  readonly since?: string | undefined;
  /** What it stands still for, and since when: look at it first. Absent while it moves. */
  readonly stalled?: Stalled | undefined;
  /** Where the worker that has it gives no sign of life, so that nothing of it moves. */
  readonly away?: Absence | undefined;
  /** Its workflow fails at each try to go on, as under a worker of a version that it does not fit: nothing of it moves. */
  readonly failing?: boolean | undefined;
  /** Its session has ended without it; the next one of that name takes it over. */
  readonly orphan?: boolean | undefined;
  /** Only the home has it: its server's database was replaced, or is an older copy. */
  readonly unknown?: boolean | undefined;
}

/** One session's subagents. */
export interface SessionListing {
  readonly session: string;
  readonly server: ServerInfo;
  /** Oldest first. */
  readonly live: readonly SubagentRow[];
  /** Newest first, at most as many as were asked for. */
  readonly finished: readonly SubagentRow[];
  readonly finishedCount: number;
  /** Announcements the default receiver has not acknowledged; null when nobody could be asked (no worker). */
  readonly unacknowledged: number | null;
  /**
   * No worker polls, or none answered in time (`notes` says which): the rows come from the server's visibility store and lack what
   * only the session knows.
   */
  readonly workerless: boolean;
  /** Its workflow fails at each try to go on: the rows come from the server's visibility store. */
  readonly failing?: boolean | undefined;
  /** What a reader must know, for example that no worker polls and how to start one. */
  readonly notes: readonly string[];
}

/** A session, as the server's visibility store has it. */
export interface SessionOverview {
  readonly session: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Whether its workflow is open. */
  readonly open: boolean;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** Which subagents a list has; what is left out selects all. */
export interface SelectionOptions {
  /** Only these sessions. */
  readonly sessions?: readonly string[] | undefined;
  /** Only subagents of one of these statuses. */
  readonly statuses?: readonly Status[] | undefined;
  /** Only subagents of this repository: a path, a URL, or the last name of one. */
  readonly repo?: string | undefined;
}

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

export interface SteerOptions {
  /** Identifies the message: the same id is delivered once. `[A-Za-z0-9_-]{1,60}`; default: a new one. */
  readonly id?: string | undefined;
  /** Stop the tool or model call that runs first, instead of letting it go on in the background; default false. */
  readonly interrupt?: boolean | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface AnswerOptions {
  /** Which question. Required where the subagent asked several together; default: the one that it asked. */
  readonly questionId?: string | undefined;
  /** Identifies the answer: the same id is one answer. At most 100 characters; default: a new one. */
  readonly requestId?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface KillOptions {
  /** Ends one whose worker is away, or whose workflow fails at each try, too: as *lost*, without a proof. Any other is killed as ever. */
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
  /** `killed`; another status when it ended by itself before the kill reached it. */
  readonly status: FinalStatus;
  /** The proof of death; absent when it never had a worker. */
  readonly sweep?: SweepReport | undefined;
  readonly outcome: Outcome;
}

export interface DiffOptions {
  /** A line for each file instead of the change itself; default false. */
  readonly stat?: boolean | undefined;
  /** Columns for `stat`; default 100. */
  readonly width?: number | undefined;
  /** The text ends after this many bytes; default 4 MiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a subagent has changed. */
export interface SubagentDiff {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  /** It is still at work: the text is of its folder, uncommitted and new files included. */
  readonly live: boolean;
  readonly repository: string;
  readonly branch: string | null;
  /** From this commit … */
  readonly base: string;
  /** … to this one; null: to the folder as it is. */
  readonly head: string | null;
  /** As `git diff` prints it, without colour. File content is in it as it is: not for a terminal without care. */
  readonly text: string;
  /** Whether there would have been more. */
  readonly truncated: boolean;
  /** What a reader must know, for example that the branch is gone. */
  readonly notes: readonly string[];
}

export interface MergeOptions {
  /** One commit with everything, instead of the history; default false. */
  readonly squash?: boolean | undefined;
  /** Message of the commit. Where a branch need only move forward, naming one makes a merge commit. */
  readonly message?: string | undefined;
  /** Merge also what did not end as done or has a blocking caveat, and a branch that has moved since its outcome; default false. */
  readonly force?: boolean | undefined;
  /** Folder in the checkout to merge into, of the same repository; default: the one around `cwd`. */
  readonly into?: string | undefined;
  /** Where the caller stands. Outside of any checkout, in the worktree of a subagent, and by default, the checkout that it was spawned from is meant. */
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
  /** Where `into` was, and where it is now. */
  readonly before: string;
  readonly commit: string;
  readonly diffStat: { readonly files: number; readonly insertions: number; readonly deletions: number };
}

export interface CleanOptions {
  /** Only subagents of this repository: a folder in a checkout of it, from the current folder, or its URL. Default: of all. */
  readonly repo?: string | undefined;
  /** Only subagents whose branch is merged; of the others everything stays. Default false. */
  readonly merged?: boolean | undefined;
  /** Remove nothing, only tell what would be; default false. */
  readonly dryRun?: boolean | undefined;
  /** Also commits that are on no other branch, and uncommitted files; default false. */
  readonly force?: boolean | undefined;
}

/** What a clean removed (or, with `dryRun`, would remove) and kept. */
export interface CleanReport {
  readonly dryRun: boolean;
  /** In the order asked for. Nothing removed and nothing kept: nothing was left of it. */
  readonly runs: readonly CleanedRun[];
  readonly freedBytes: number;
}

export interface ResultOptions {
  /** Ends the wait; the subagent goes on. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds, at most 24 days; default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
}

/** Everything known of one subagent. */
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
  /** ISO 8601, when this status (or, while working, what it is doing) began. */
  readonly since: string;
  /** In words: the tool it runs, or what its status means. */
  readonly doing: string;
  /** What it stands still for, and since when: look at it first. Absent while it moves. */
  readonly stalled?: Stalled | undefined;
  /** Where the worker that has it gives no sign of life, so that nothing of it moves. */
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
  /** ISO 8601, when the last model event or tool output came. */
  readonly lastEventAt?: string | undefined;
  readonly lastMessage?: string | undefined;
  readonly turns: number;
  readonly questions: readonly Question[];
  readonly steers: SubagentView['steers'];
  /** Of a chain: what has become of each step. */
  readonly steps?: readonly StepView[] | undefined;
  /** Present when it has ended. */
  readonly outcome?: Outcome | undefined;
  /** Its page in the Temporal Web UI, where known. */
  readonly url?: string | undefined;
  /** What was removed of it since it ended. */
  readonly cleaned?: Cleaned | undefined;
  readonly workerless: boolean;
  readonly notes: readonly string[];
}

/** An announcement that can be acknowledged by itself. */
export type ReceivedAnnouncement = Announcement & {
  /** Tells the session that this receiver has it. Not needed in a plain `for await`: asking for the next one does it. */
  acknowledge(): Promise<void>;
};

export interface AnnouncementOptions {
  /** Receivers are named, and one never takes another's; default `main`. */
  readonly receiver?: string | undefined;
  /** Ends the iteration at once. */
  readonly signal?: AbortSignal | undefined;
  /**
   * When an announcement counts as received: `next`, when the following one is asked for (default), or `manual`, only by
   * `acknowledge()`.
   */
  readonly acknowledge?: 'next' | 'manual' | undefined;
  /** End after what is unacknowledged now, instead of waiting for more; default false. */
  readonly once?: boolean | undefined;
  /** Told of each lost connection and its error, before the next try. */
  readonly onReconnect?: ((error: unknown) => void) | undefined;
}

export interface TranscriptOptions {
  /** Wait for more until the subagent ends; default false. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}
