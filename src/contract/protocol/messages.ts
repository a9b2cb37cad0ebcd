/** Updates, signals and queries of the workflows, each with a schema. */
import { z } from 'zod';
import type { CleanInput } from './activities.ts';
import { announcement, word } from './announcement.ts';
import { auditEntry } from '../outcome/audit.ts';
import { approval } from '../outcome/approval.ts';
import { caveatKinds } from '../outcome/caveat.ts';
import { label, sessionName } from '../spawn/label.ts';
import { isRepositoryUrl } from '../spawn/repository-url.ts';
import { POOL_NAME } from './names.ts';
import { MAX_DECISION_CHARS, MAX_SPAWN_SPECS, MAX_STEER_BYTES } from '../limits.ts';
import { sweepReport } from '../outcome/outcome.ts';
import { isolation, permissions, requestDigest, resolvedSpec, startedSpec } from '../spawn/spec.ts';
import { stalled } from '../status/stalled.ts';
import { finalStatus, status } from '../status/status.ts';
import { byteLength } from '../text/text.ts';
import type { DeepReadonly } from '../deep-readonly.ts';
import { spawnAccepted, spawnRefused } from '../reports/spawned.ts';
import type { SessionEntry } from '../reports/types.ts';
import { WORKER, workerDescription } from './worker.ts';

// ---- session ----------------------------------------------------------------

/** Update `spawn`: a request with one or several specs. Requests with the same `requestId` spawn once. */
export const spawnRequest = z.strictObject({
  requestId: z.string().min(1).max(100),
  digest: requestDigest,
  specs: z.array(resolvedSpec).min(1).max(MAX_SPAWN_SPECS),
});
export type SpawnRequest = z.infer<typeof spawnRequest>;

/** The answer for one spec: its workflow has started, or the session refused it and started nothing. */
export const spawnAnswer = z.discriminatedUnion('status', [spawnAccepted, spawnRefused]);
export type SpawnAnswer = z.infer<typeof spawnAnswer>;

/**
 * A kind of remains of a finished run on its worker: the worktree, the branch, files kept in commits on no branch, the
 * conversation, outputs of commands.
 */
export const remains = z.enum(['worktree', 'branch', 'kept', 'copilot', 'outputs']);
export type Remains = z.infer<typeof remains>;

/** The remains of a finished run that `clean` or the worker's retention has removed. */
export const cleaned = z.object({
  at: z.iso.datetime().describe('time of the last removal'),
  removed: z.array(remains),
});

/** A session's entry of a subagent. */
export const sessionEntry = z.object({
  label: word,
  run: z.number().int(),
  workflowId: word,
  runId: word,
  status,
  task: z.string().describe('the beginning of the task'),
  repo: z.string(),
  isolation: isolation.optional().describe('only while it is live'),
  branch: z.string().nullable().optional(),
  head: z.string().optional(),
  workerId: word.optional().describe('the worker that ran it'),
  model: z.string().optional(),
  summary: z.string().optional().describe('how it ended'),
  caveats: caveatKinds.optional(),
  denied: z.number().int().optional().describe('tool calls that its permissions did not allow'),
  fingerprint: z.string().max(64).optional().describe('fingerprint of its spec, only while it is live'),
  tokens: z.number().int().optional().describe('input and output tokens together, once it has ended'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  cleaned: cleaned.optional().describe('which of its remains were removed since it ended'),
  merged: auditEntry.optional().describe('who merged its work last'),
});

/** Signal `started`: a chain has started the subagent of a step. */
export const startedSignal = z.object({ entry: sessionEntry });

/** Signal `ended`: a subagent sends it last. It contains the entry that the session keeps of the run. */
export const endedSignal = z.object({
  announcement,
  entry: sessionEntry.extend({ status: finalStatus }),
  sweep: sweepReport.optional(),
});
export type EndedSignal = DeepReadonly<z.infer<typeof endedSignal>>;

/** Signal `cleaned`: a worker has removed remains of a finished run. */
export const cleanedSignal = z.object({ label: word, run: z.number().int(), cleaned });
export type CleanedSignal = z.infer<typeof cleanedSignal>;

/** Signal `merged`: a client has merged the work of a finished run. */
export const mergedSignal = z.object({ label: word, run: z.number().int() });
export type MergedSignal = z.infer<typeof mergedSignal>;

/** Signal `announce`: a question, a stall, a notice. */
export const announceSignal = z.object({ announcement });
export type AnnounceSignal = DeepReadonly<z.infer<typeof announceSignal>>;

/** Signal `acknowledge`: `receiver` acknowledges these announcements, or all up to and including `upTo`. */
export const acknowledgeSignal = z.object({
  receiver: sessionName.describe('a name with the same rules as that of a session'),
  ids: z.array(z.string()).optional(),
  upTo: z.string().optional(),
});
export type AcknowledgeSignal = z.infer<typeof acknowledgeSignal>;

/** A page: announcements that are the input of a separate workflow, because continue-as-new cannot carry them all. */
const pageView = z.object({
  workflowId: z.string(),
  ids: z.array(z.string()).describe('those that the receiver has not acknowledged, oldest first'),
});
export type PageView = DeepReadonly<z.infer<typeof pageView>>;

/** Query `unacknowledged(receiver, after)`: first the announcements in pages, then those in the session. */
export const unacknowledgedView = z.object({
  pages: z.array(pageView).default([]),
  announcements: z.array(announcement),
  next: z
    .number()
    .int()
    .nullable()
    .default(null)
    .describe('the `after` of the next query; null: there are no more'),
  runId: z.string().describe('the run of the session that answered'),
  historyLength: z.number().int().describe('the answer covers that run’s history up to this event'),
  known: z
    .boolean()
    .default(true)
    .describe('false: the session does not keep for this receiver what others have acknowledged'),
});
export type UnacknowledgedView = DeepReadonly<z.infer<typeof unacknowledgedView>>;

/** Answer of query `list`: all live subagents, and the newest finished ones. */
export interface SessionList {
  readonly session: string;
  readonly live: readonly SessionEntry[];
  /** Newest first, at most as many as requested. */
  readonly finished: readonly SessionEntry[];
  readonly finishedCount: number;
  /** Number of announcements that the default receiver has not acknowledged. */
  readonly unacknowledged: number;
  /** Notes for the reader, such as signals that could not be read. */
  readonly notes: readonly string[];
}

/**
 * Query `handover(after)`, for the next run of a session that was ended: first the state that the run begins with, then
 * in order the announcements that did not fit into that state.
 */
export const handoverView = z.object({
  state: z
    .looseObject({})
    .optional()
    .describe('with `after` 0: the state that continue-as-new would pass on'),
  announcements: z
    .array(z.unknown())
    .describe('announcements after position `after`, as many as fit into one answer'),
  next: z.number().int().nullable().describe('the `after` of the next query; null: there are no more'),
});
export type HandoverView = z.infer<typeof handoverView>;

/** The receiver that every session has from its start on. */
export const DEFAULT_RECEIVER = 'main';

/** Argument of query `list`. */
export const listQuery = z.object({ finished: z.number().int().min(0) });
/** Argument of query `find`. */
export const findQuery = z.object({ label: z.string(), run: z.number().int().optional() });
/** Argument of query `handover`: `next` of the previous answer, at first 0. */
export const handoverQuery = z.number().int().min(0);
/** Arguments of query `unacknowledged`: the receiver, and `next` of the previous answer. */
export const unacknowledgedQuery = z.tuple([z.string(), z.number().int().optional()]);

/** The session workflow, and the names of its updates, signals and queries. */
export const SESSION = {
  workflow: 'session',
  spawn: 'spawn',
  chain: 'chain',
  started: 'started',
  ended: 'ended',
  cleaned: 'cleaned',
  merged: 'merged',
  announce: 'announce',
  acknowledge: 'acknowledge',
  unacknowledged: 'unacknowledged',
  list: 'list',
  find: 'find',
  handover: 'handover',
  /** Signal without arguments: continue as new as soon as no handler runs (a new worker version, a test). */
  rollOver: 'rollOver',
} as const;

/** Input of the workflow that keeps a page of announcements until all receivers have acknowledged them. */
export const pageInput = z.object({ session: z.string(), announcements: z.array(announcement) });
export type PageInput = DeepReadonly<z.infer<typeof pageInput>>;

/** The page workflow, and its signal. */
export const PAGE = {
  workflow: 'page',
  /** Signal: no receiver needs the page any more. */
  release: 'release',
} as const;

// ---- subagent ---------------------------------------------------------------

const messageText = (what: string) =>
  z
    .string()
    .refine((text) => text.trim() !== '', `the ${what} is empty`)
    .refine(
      (text) => byteLength(text) <= MAX_STEER_BYTES,
      `the ${what} is larger than ${MAX_STEER_BYTES / 1024} KiB: put the material into a file and name the file`,
    );
const steerText = messageText('message');

/** Signal `steer` and Update `steerWithReceipt`. A plain string is accepted too, for the temporal CLI. */
export const steerRequest = z.union([
  z.strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,60}$/)
      .optional(),
    message: steerText,
    interrupt: z.boolean().optional().describe('stop the running tool or model call first'),
  }),
  steerText.transform((message) => ({ message, id: undefined, interrupt: undefined })),
]);
export type SteerRequest = z.input<typeof steerRequest>;

/** The ways in which a steer is delivered, each with what it means, for people and models. */
export const DELIVERIES = {
  'mid-turn': 'delivered during the turn; the model sees it at its next call',
  'queued-behind-tool':
    'delivered; it enters the conversation as soon as the running tool or model call ends',
  'started-turn': 'delivered; it started a new turn',
  interrupted: 'delivered; the running tool or model call was stopped for it',
  held: 'held; it is delivered as soon as a turn runs',
} as const;

/** How a steer was delivered. */
export const receipt = z.object({
  id: z.string(),
  delivery: z.enum(Object.keys(DELIVERIES) as [keyof typeof DELIVERIES, ...(keyof typeof DELIVERIES)[]]),
  at: z.string(),
  during: z.string().optional().describe('what the subagent was doing when the message arrived'),
});

/** A question of a subagent. */
export const question = z.object({
  id: z.string(),
  question: z.string(),
  choices: z.array(z.string()).optional(),
  at: z.string(),
});

/**
 * Update `answer`: the reply to an `ask_parent`. If several questions were asked together, each answer must name its
 * question; a single question needs no name. Requests with the same request id are one answer.
 */
export const answerRequest = z.strictObject({
  questionId: z.string().min(1).max(200).optional(),
  answer: messageText('answer'),
  requestId: z.string().min(1).max(100).optional(),
});
export type AnswerRequest = z.infer<typeof answerRequest>;

/** The receipt of an answer: the question that it answered, and the questions that are still open. */
export const answerReceipt = z.object({
  questionId: z.string(),
  question: z.string().describe('the question, in the words of the subagent'),
  repeated: z.boolean().describe('the question already had the same answer'),
  open: z.array(question).describe('questions that still wait for an answer'),
});

/**
 * Update `decideApproval`: approves or rejects a tool call. If several were asked for together, each decision must name
 * its approval; a single one needs no name. Requests with the same request id are one decision.
 */
export const approvalRequest = z.strictObject({
  approvalId: z.string().min(1).max(200).optional(),
  decision: z.enum(['approve', 'reject']),
  always: z.boolean().optional().describe('approve all calls of this kind in this run'),
  why: z
    .string()
    .max(MAX_DECISION_CHARS, `the reason is longer than ${MAX_DECISION_CHARS} characters`)
    .optional()
    .describe('for the outcome, and after a rejection for the subagent'),
  requestId: z.string().min(1).max(100).optional(),
});
export type ApprovalRequest = z.infer<typeof approvalRequest>;

/** The receipt of a decision. */
export const approvalReceipt = z.object({
  approvalId: z.string(),
  tool: z.string(),
  what: z.string().describe('the call that was decided on; text from a model'),
  decision: z.enum(['approved', 'approved-always', 'rejected']),
  always: z.string().optional().describe('after approved-always: the calls that are approved from now on'),
  also: z
    .array(z.string())
    .describe('ids of other open approvals that the same decision approved, because they are of its kind'),
  repeated: z.boolean().describe('the approval already had the same decision'),
  open: z.array(approval).describe('approvals that still wait for a decision'),
});

/** Query `describe`: the workflow's own view. Progress within a turn comes from heartbeats instead. */
export const subagentView = z.object({
  status,
  since: z.string(),
  waitingFor: z.string().optional(),
  stalled: stalled.optional(),
  turns: z.number().int(),
  workerId: z.string().optional(),
  branch: z.string().nullable().optional(),
  cwd: z.string().optional(),
  base: z.string().optional().describe('the commit it started from'),
  repository: z.string().optional().describe('the repository that has the branch, where `repo` is a URL'),
  permissions: permissions.optional(),
  copilotSessionId: z.string(),
  steers: z
    .array(z.object({ id: z.string(), message: z.string(), receipt: receipt.optional() }))
    .describe('newest last, at most 20, with the beginning of each message'),
  questions: z.array(question),
  audit: z.array(auditEntry).optional(),
  approvals: z.array(approval).describe('tool calls that wait for an approval'),
  notes: z.array(z.string()),
});
export type SubagentView = DeepReadonly<z.infer<typeof subagentView>>;

/** Signal `slotGranted` of the `holdSlot` activity: the worker, and the number of the hold (see `HoldSlotInput`). */
export const slotGrantedSignal = z.object({ hold: z.number().int(), workerId: word });

const MAX_LACK_CHARS = 5_000;

/** Signal `forget`: the worker will not come back. The subagent ends as *lost*. */
export const forgetRequest = z.strictObject({
  reason: z.string().min(1).max(300),
  head: z.string().max(64).optional().describe('the newest commit of its branch that the sender knows'),
});
export type ForgetRequest = z.infer<typeof forgetRequest>;

/**
 * Signal `space` of an activity: it waits for space on the worker's disk, as `lack` describes; without `lack`, it goes
 * on.
 */
export const spaceSignal = z.object({ lack: z.string().min(1).max(MAX_LACK_CHARS).optional() });
export type SpaceSignal = z.infer<typeof spaceSignal>;

/** The subagent workflow, and the names of its updates, signals and queries. */
export const SUBAGENT = {
  workflow: 'subagent',
  steer: 'steer',
  steerWithReceipt: 'steerWithReceipt',
  answer: 'answer',
  decideApproval: 'decideApproval',
  describe: 'describe',
  /** Signal without arguments: a subagent that waits for its model tries again now. Workers send it at their start. */
  tryAgain: 'tryAgain',
  /** Signal from the `holdSlot` activity: a slot was granted. */
  slotGranted: 'slotGranted',
  forget: 'forget',
  space: 'space',
} as const;

/** Input of the subagent workflow. */
export interface SubagentInput {
  readonly session: string;
  readonly label: string;
  readonly run: number;
  readonly spec: z.infer<typeof resolvedSpec>;
  /** The identity of who asked for it. */
  readonly by?: string | undefined;
}

// ---- transcript -------------------------------------------------------------

/** One readable line of a transcript. Its text comes from the model or a tool: treat it as data. */
export const transcriptEntry = z.object({
  at: z.string(),
  kind: z.enum([
    'task',
    'steer',
    'message',
    'reasoning',
    'tool',
    'tool-result',
    'warning',
    'error',
    'turn-end',
  ]),
  text: z.string().describe('bounded excerpt'),
  tool: z.string().optional(),
  toolCallId: z.string().optional(),
  exitCode: z.number().int().optional(),
  ok: z.boolean().optional(),
  durationMs: z.number().int().optional(),
});

/** One page of Copilot's event log. */
export const transcriptPage = z.object({
  entries: z.array(transcriptEntry),
  cursor: z.number().int().describe('byte offset to continue from'),
  atEnd: z.boolean(),
});
export type TranscriptPage = z.infer<typeof transcriptPage>;

/** The name of a run of a subagent. */
export interface RunName {
  readonly label: string;
  readonly run: number;
}

/** Input of the transcript workflow. */
export interface TranscriptInput {
  readonly subagentWorkflowId: string;
  readonly subagentRunId: string;
  readonly workerId: string;
  readonly copilotSessionId: string;
  /** Only entries of this run, if several runs share the Copilot session; default: all runs. */
  readonly of?: RunName;
  readonly follow: boolean;
  /** Byte offset to start from. */
  readonly cursor: number;
}

/** The transcript workflow, and its signal. */
export const TRANSCRIPT = {
  workflow: 'transcript',
  /** Signal: the reader is still there. Without one for a minute the workflow ends. */
  reading: 'reading',
} as const;

/** Input of the clean workflow. */
export interface CleanWorkflowInput extends CleanInput {
  readonly workerId: string;
}

/** The clean workflow. */
export const CLEAN = { workflow: 'clean' } as const;

// ---- doctor -----------------------------------------------------------------

/** Input of the workflow that has a worker of a pool look at itself. */
const doctorInput = z.object({
  pool: z.string().regex(POOL_NAME),
  repo: z.string().refine(isRepositoryUrl, 'not an accepted URL of a repository').optional(),
});
export type DoctorInput = z.infer<typeof doctorInput>;

/** The doctor workflow. */
export const DOCTOR = { workflow: 'doctor' } as const;

/**
 * For each workflow, the parts of its input that it needs from the start. Checked because anyone may start a workflow.
 */
export const WORKFLOW_INPUTS: Readonly<Record<string, z.ZodType>> = {
  [SESSION.workflow]: z.looseObject({ name: sessionName }),
  [SUBAGENT.workflow]: z.looseObject({
    session: sessionName,
    label,
    run: z.number().int(),
    spec: startedSpec.loose(),
  }),
  chain: z.looseObject({ session: sessionName, label, run: z.number().int(), chain: z.looseObject({}) }),
  [TRANSCRIPT.workflow]: z.looseObject({ workerId: word, copilotSessionId: z.string() }),
  [CLEAN.workflow]: z.looseObject({ workerId: word, runs: z.array(z.looseObject({})) }),
  [DOCTOR.workflow]: doctorInput,
  [WORKER.workflow]: workerDescription,
};
