/** Limits and defaults, in one place. Durations are milliseconds, sizes are bytes of UTF-8. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A task. A Temporal payload may be 2 MB and a spawn can be a list: this leaves a wide margin. */
export const MAX_TASK_BYTES = 256 * 1024;
/** All specs of one spawn together; Temporal refuses a payload over 2 MB. */
export const MAX_SPAWN_BYTES = 1536 * 1024;
/** Specs in one spawn. */
export const MAX_SPAWN_SPECS = 200;
/** A steer message. */
export const MAX_STEER_BYTES = 64 * 1024;
/** Messages that wait together for the next turn, as JSON; the same of the answers that go on with one. */
export const MAX_WAITING_BYTES = 256 * 1024;
/** A message as `describe` shows it, as JSON; and all earlier ones together that a new conversation is told. */
export const MAX_SHOWN_MESSAGE_BYTES = 2 * 1024;
export const MAX_TOLD_BYTES = 128 * 1024;
/** Live subagents of one session: a workflow may have 2,000 pending children, some of them kept for chains. */
export const MAX_LIVE_SUBAGENTS = 1_000;
/** What a session holds of them all, as JSON: lists and continue-as-new have them in one payload. */
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

/** What travels in one message, as JSON. Temporal refuses a payload over 2 MB, and what comes of one of our own is written again beside it. */
export const MAX_PAYLOAD_BYTES = 1_500_000;
/** A summary and the details of a workflow, an activity or a timer in the Web UI, as JSON: Temporal refuses one over 400 and 20,000. */
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
/** The final message of a step that declares `output`, whose data stands in its outcome; 500 of them fit into a chain's history. */
export const MAX_OUTPUT_BYTES = 64 * 1024;
/** Files that a step hands on whole: how many, each, and all of one step as they travel; Temporal refuses a payload over 2 MB. */
export const MAX_ARTIFACTS = 20;
export const MAX_ARTIFACT_BYTES = 256 * 1024;
export const MAX_ARTIFACTS_BYTES = 512 * 1024;
/** Steps of one chain that hand files on, and all that its subagents are given, tasks with what they quote: its history ends at 50 MB. */
export const MAX_ARTIFACT_STEPS = 20;
export const MAX_CHAIN_TASK_BYTES = 12 * 1024 * 1024;
/** What a continued subagent is told of the run before, where its conversation is gone, in characters. */
export const MAX_HANDOVER_CHARS = 20_000;
/** The end of a command's output in an outcome, in characters; the whole stays in the worker's home. */
export const MAX_OUTPUT_TAIL_CHARS = 4_000;
/** A report, a question or other words of a subagent, where a main agent is given them; in characters. */
export const MAX_FENCED_CHARS = 4_000;
/** A part of a long report or transcript that a main agent reads on with, in characters: Copilot CLI keeps a result of more than 51,200 bytes from its model. */
export const MAX_READ_CHARS = 12_000;
/** Commits and files listed in an outcome. */
export const MAX_LISTED_COMMITS = 50;
export const MAX_LISTED_FILES = 100;
/** Different tool calls listed as denied; the others are counted together. */
export const MAX_LISTED_DENIALS = 20;

/** Working time of a subagent (neither queued nor waiting for an answer). */
export const DEFAULT_TIMEOUT_MS = 4 * HOUR;
export const MIN_TIMEOUT_MS = SECOND;
export const MAX_TIMEOUT_MS = 7 * 24 * HOUR;
/** Silence (no model event, no tool output) after which a subagent is called stuck. */
export const DEFAULT_STUCK_AFTER_MS = 10 * MINUTE;
/** Equal calls with equal results in a row, and no file changed meanwhile, after which a subagent is called stuck, repeating. */
export const DEFAULT_STUCK_REPEATS = 20;
/** Silence of a model call after which it is given up as hung and tried again. */
export const DEFAULT_HUNG_MODEL_MS = 180 * SECOND;
/** How long one set-up command may run; it is not working time. */
export const SETUP_TIMEOUT_MS = 30 * MINUTE;
/** How long one verification command may run. */
export const VERIFY_TIMEOUT_MS = 30 * MINUTE;
/** How often a failed verification goes back to the subagent. */
export const DEFAULT_MAX_REPAIRS = 2;

/**
 * Between two heartbeats of an activity, and the silence after which the server gives it up. Where a worker died and only its
 * silence tells, the subagent is to work again within 10 s, and taking it up takes up to 2 s. A worker that only stood still for
 * longer finds its turns where they are. Each heartbeat is a write of the server: nearly all that a subagent costs it that works for
 * long. A list shows what one is doing as of its last one.
 */
export const HEARTBEAT_INTERVAL_MS = 2 * SECOND;
export const HEARTBEAT_TIMEOUT_MS = 7 * SECOND;

/** How long the embedded server keeps finished runs. */
export const RETENTION_DAYS = 30;
