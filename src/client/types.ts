/** Options of the library. The types of its reports are in `src/contract/reports/types.ts`. */
import type { Announcement, Status } from '../contract/index.ts';

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
  /** Who acts, as the audit shows it; default: `user@host (library)`. */
  readonly identity?: string | undefined;
  /** Environment to read instead of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
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
  /** Ends the sending of a checkout to a pool; nothing is spawned then. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes of a checkout that are sent so far. */
  readonly onSent?: ((bytes: number) => void) | undefined;
}

/** Options of `SessionHandle.chain`. */
export interface ChainOptions extends Omit<SpawnOptions, 'signal' | 'onSent'> {
  /** Values of the chain's `params`. */
  readonly params?: Readonly<Record<string, string>> | undefined;
}

/** Options of `SessionHandle.retryChain`. */
export interface RetryOptions extends Omit<SpawnOptions, 'cwd' | 'title' | 'signal' | 'onSent'> {
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

/** Options of `SubagentHandle.reject`. */
export interface RejectOptions {
  /** The approval to decide. Required when the subagent asked for several together; default: the only open one. */
  readonly approvalId?: string | undefined;
  /** The reason, at most 2,000 characters. It stands in the outcome; after a rejection the subagent is told, too. */
  readonly why?: string | undefined;
  /** Requests with the same id are one decision. At most 100 characters; default: a new id. */
  readonly requestId?: string | undefined;
  /** How long to wait for the receipt, in milliseconds; default 15 s. */
  readonly timeoutMs?: number | undefined;
}

/** Options of `SubagentHandle.approve`. */
export interface ApproveOptions extends RejectOptions {
  /** Approve all calls of this kind for the rest of this run; default false. */
  readonly always?: boolean | undefined;
}

/** Options of `SubagentHandle.kill`. */
export interface KillOptions {
  /**
   * Also end a subagent whose worker is away or whose workflow fails at every attempt: as *lost*, without proof of death.
   */
  readonly force?: boolean | undefined;
  /** How long to wait for the end, in milliseconds; default 2 minutes. */
  readonly timeoutMs?: number | undefined;
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

/** Options of `SubagentHandle.result`. */
export interface ResultOptions {
  /** Ends the wait; the subagent goes on. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds, at most 24 days; default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
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
