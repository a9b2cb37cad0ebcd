/** Limits and defaults. Durations are in milliseconds, sizes in bytes of UTF-8. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A task. A Temporal payload may have 2 MB and a spawn can be a list, so this leaves a wide margin. */
export const MAX_TASK_BYTES = 256 * 1024;
/** All specs of one spawn together; Temporal refuses a payload over 2 MB. */
export const MAX_SPAWN_BYTES = 1536 * 1024;
/** Specs in one spawn. */
export const MAX_SPAWN_SPECS = 200;
/** A steer message. */
export const MAX_STEER_BYTES = 64 * 1024;
/** All messages together that wait for the next turn, as JSON; likewise all answers to the questions of one turn. */
export const MAX_WAITING_BYTES = 256 * 1024;
/** A message in `describe`, as JSON. */
export const MAX_SHOWN_MESSAGE_BYTES = 2 * 1024;
/** All earlier messages together that the prompt of a new conversation repeats. */
export const MAX_EARLIER_MESSAGES_BYTES = 128 * 1024;
/** Live subagents of one session: a workflow may have 2,000 pending children, some of them kept for chains. */
export const MAX_LIVE_SUBAGENTS = 1_000;
/** A session's entries of all live subagents, as JSON: lists and continue-as-new put them into one payload. */
export const MAX_LIVE_BYTES = 1_000_000;
/** The path or URL of a repository, in characters. */
export const MAX_REPO_CHARS = 4_096;
/** Steps of one chain, the subagents that one `forEach` step may become, and all subagents of one chain. */
export const MAX_CHAIN_STEPS = 100;
export const MAX_FOR_EACH = 100;
export const MAX_CHAIN_SUBAGENTS = 500;
/** A step's task with everything that it quotes. */
export const MAX_RENDERED_TASK_BYTES = 1024 * 1024;
/** Set-up and verification commands of one spec (20 of each), and the length of each in characters. */
export const MAX_SETUP_COMMANDS = 20;
export const MAX_VERIFY_COMMANDS = 20;
export const MAX_COMMAND_LENGTH = 4_096;

/** One message, as JSON. Temporal refuses a payload over 2 MB; the margin is for other data in the same payload. */
export const MAX_PAYLOAD_BYTES = 1_500_000;
/**
 * A summary, and the details, of a workflow, an activity or a timer, as JSON. Temporal refuses more than 400 and
 * 20,000.
 */
export const MAX_TITLE_BYTES = 350;
export const MAX_DETAILS_BYTES = 19_000;

/** A whole announcement, as JSON. */
export const MAX_ANNOUNCEMENT_BYTES = 1_024;
/** The summary inside an announcement or a list row, in characters. */
export const MAX_SUMMARY_CHARS = 280;
/** The final message in an outcome, in characters; the whole stays in the transcript. */
export const MAX_REPORT_CHARS = 16_000;
/** A message of a subagent in its transcript, in characters; Temporal refuses a payload over 2 MB. */
export const MAX_MESSAGE_CHARS = 200_000;
/**
 * The final message of a step with `output`, whose data is in the outcome. A chain's history has room for 500 of them.
 */
export const MAX_OUTPUT_BYTES = 64 * 1024;
/**
 * Artifacts of a step: their number, the size of each, and the size of all in one message. Temporal refuses over 2 MB.
 */
export const MAX_ARTIFACTS = 20;
export const MAX_ARTIFACT_BYTES = 256 * 1024;
export const MAX_ARTIFACTS_BYTES = 512 * 1024;
/** Steps of a chain with artifacts, and all rendered tasks of a chain together: a history may have 50 MB. */
export const MAX_ARTIFACT_STEPS = 20;
export const MAX_CHAIN_TASK_BYTES = 12 * 1024 * 1024;
/** The description of the previous run for a continued subagent whose conversation is gone, in characters. */
export const MAX_HANDOVER_CHARS = 20_000;
/** The end of a command's output in an outcome, in characters; the whole stays in the worker's home. */
export const MAX_OUTPUT_TAIL_CHARS = 4_000;
/** A report, a question or another text of a subagent that a main agent receives, in characters. */
export const MAX_FENCED_CHARS = 4_000;
/**
 * A part of a long report or transcript that a main agent reads, in characters. Copilot CLI withholds results over
 * 51,200 bytes.
 */
export const MAX_READ_CHARS = 12_000;
/** Commits and files listed in an outcome. */
export const MAX_LISTED_COMMITS = 50;
export const MAX_LISTED_FILES = 100;
/** Different denied tool calls in a list. All others are counted together. */
export const MAX_LISTED_DENIALS = 20;

/** Approvals in an outcome, with their decisions. */
export const MAX_LISTED_APPROVALS = 100;
/** The call that needs an approval, on one line, and the words of a decision, in characters. */
export const MAX_APPROVAL_CHARS = 500;
export const MAX_DECISION_CHARS = 2_000;

/** Working time of a subagent (neither queued nor waiting for an answer). */
export const DEFAULT_TIMEOUT_MS = 4 * HOUR;
export const MIN_TIMEOUT_MS = SECOND;
export const MAX_TIMEOUT_MS = 7 * 24 * HOUR;
/** Silence (no model event, no tool output) after which a subagent counts as stuck. */
export const DEFAULT_STUCK_AFTER_MS = 10 * MINUTE;
/** Equal calls in a row with equal results and no changed file, after which a subagent counts as stuck, repeating. */
export const DEFAULT_STUCK_REPEATS = 20;
/** Silence after which a model call is given up as hung, and tried again. */
export const DEFAULT_HUNG_MODEL_MS = 180 * SECOND;
/** How long one set-up command may run. This is not working time. */
export const SETUP_TIMEOUT_MS = 30 * MINUTE;
/** How long one verification command may run. */
export const VERIFY_TIMEOUT_MS = 30 * MINUTE;
/** How often a failed verification goes back to the subagent. */
export const DEFAULT_MAX_REPAIRS = 2;

/**
 * Interval of an activity's heartbeats, and the silence after which the server gives the activity up. When only silence
 * shows that a worker died, a subagent must work again within 10 s, of which resuming takes up to 2 s. A worker that
 * was merely stopped for longer finds its turns still running. Each heartbeat is a write on the server, and nearly all
 * the load that a long-working subagent causes there. Lists show what a subagent is doing as of its last heartbeat.
 */
export const HEARTBEAT_INTERVAL_MS = 2 * SECOND;
export const HEARTBEAT_TIMEOUT_MS = 7 * SECOND;

/** How long the embedded server keeps finished runs. */
export const RETENTION_DAYS = 30;

/** How long a worker may look at itself and at a repository, in milliseconds. */
export const CHECK_TIMEOUT_MS = 120_000;
