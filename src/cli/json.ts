/**
 * Schemas of what each command prints with `--json`: one object on one line or, where noted, one object per line.
 * Errors of any command are `failureJson` on stderr. Fields may be added, but not renamed, removed or changed in
 * meaning.
 */
import { z } from 'zod';
import { announcement } from '../contract/protocol/announcement.ts';
import { stepView } from '../contract/chains/chain-step.ts';
import { ERROR_CODES } from '../contract/errors.ts';
import {
  answerReceipt,
  question,
  receipt,
  sessionEntry,
  subagentView,
  transcriptEntry,
  remains,
} from '../contract/protocol/messages.ts';
import { outcome, sweepReport, usage } from '../contract/outcome/outcome.ts';
import { permissions } from '../contract/spawn/spec.ts';
import { stalled } from '../contract/status/stalled.ts';
import { finalStatus, status } from '../contract/status/status.ts';

const server = z.object({
  address: z.string(),
  namespace: z.string(),
  origin: z.string().describe('which rule chose it, in words'),
  uiUrl: z.string().optional(),
  embedded: z.boolean().optional().describe('the server of a home, which `up` started'),
});

const identity = z.object({
  session: z.string(),
  label: z.string(),
  run: z.number().int(),
  workflowId: z.string(),
  runId: z.string(),
});

const error = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  remedy: z.string().optional(),
  stack: z.string().optional().describe('with --verbose'),
});
/** The error of any command, on stderr. */
export const failureJson = z.object({ error });

const repeated = z
  .literal(true)
  .optional()
  .describe('an equal request was accepted before, and what it started is live: this is that one');

/** `spawn` */
export const spawnJson = z.object({
  server,
  subagent: identity.extend({
    branch: z
      .string()
      .nullable()
      .describe('null when in-place; where the name is taken it gets a number, which `show` has'),
    notes: z.array(z.string()).readonly(),
    repeated,
    url: z.string().optional(),
  }),
  outcome: outcome.optional().describe('with --wait, once it has ended'),
});
export type SpawnJson = z.input<typeof spawnJson>;

/** `continue` */
export type ContinueJson = SpawnJson;

const target = identity.pick({ session: true, label: true, run: true });
/** `steer` */
export const steerJson = target.extend({ receipt });
export type SteerJson = z.infer<typeof steerJson>;
/** `answer` */
export const answerJson = target.extend({ answered: z.literal(true) }).extend(answerReceipt.shape);
export type AnswerJson = z.infer<typeof answerJson>;

const killReport = identity.extend({
  status: finalStatus,
  sweep: sweepReport.optional().describe('the proof of death; absent when it never had a worker'),
  outcome,
});
/** `kill` */
export const killJson = z.object({
  kills: z
    .array(
      z.union([
        z.object({ target: z.string(), report: killReport }),
        z.object({ target: z.string(), error }),
      ]),
    )
    .describe('in the order asked for'),
});
export type KillJson = z.input<typeof killJson>;

/** `worker forget` */
export const forgetJson = z.object({
  workerId: z.string(),
  lost: z.array(identity).describe('its live subagents, which end as lost'),
});
export type ForgetJson = z.infer<typeof forgetJson>;
/** `chain run`, `chain retry` (without steps), `batch` and `race` */
export const chainRunJson = z.object({
  server,
  chain: identity.extend({
    steps: z.array(z.string()).describe('how its steps are addressed'),
    notes: z.array(z.string()).readonly(),
    repeated,
    url: z.string().optional(),
  }),
  outcome: outcome.optional().describe('with --wait, once it has ended'),
});
export type ChainRunJson = z.input<typeof chainRunJson>;
/** `chain check` */
export const chainCheckJson = z.object({
  ok: z.boolean(),
  problems: z
    .array(z.object({ message: z.string(), line: z.number().int(), column: z.number().int() }))
    .describe('line and column from 1'),
  label: z.string().optional(),
  steps: z.array(z.object({ id: z.string(), needs: z.array(z.string()) })).optional(),
  params: z
    .array(z.object({ name: z.string(), description: z.string().optional(), required: z.boolean() }))
    .optional()
    .describe('what `chain run` takes with --param'),
});
export type ChainCheckJson = z.infer<typeof chainCheckJson>;

/** `wait` */
export const waitJson = z.object({
  ended: z
    .array(
      identity.extend({
        status: finalStatus,
        outcome: outcome.optional(),
        problem: z.string().optional().describe('why there is no outcome'),
      }),
    )
    .describe('in the order they ended'),
  pending: z.array(identity),
  timedOut: z.boolean(),
});
export type WaitJson = z.infer<typeof waitJson>;
/** `wait --next` */
export const waitNextJson = z.object({
  announcement: announcement.nullable().describe('null: none in time'),
});
export type WaitNextJson = z.infer<typeof waitNextJson>;

const progress = z.object({
  doing: z.string(),
  tool: z.string().optional(),
  since: z.string(),
  lastEventAt: z.string(),
  lastMessage: z.string().optional(),
  model: z.string().optional(),
  usage,
  workedMs: z.number().optional().describe('working time of this turn so far'),
  denied: z.number().int().optional().describe('tool calls that its permissions did not allow'),
});
const away = z
  .object({ workerId: z.string().optional(), since: z.string() })
  .describe('its worker gives no sign of life: nothing of it moves');
/** `list`; also each line of `watch`. */
export const listJson = z.object({
  server,
  workerless: z
    .boolean()
    .describe(
      'no worker polls, or none answered in time (notes say which): what only sessions know is missing',
    ),
  notes: z.array(z.string()),
  subagents: z
    .array(
      sessionEntry.extend({
        session: z.string(),
        since: z.string().optional().describe('when its status, or what it is doing, began'),
        progress: progress.optional(),
        stalled: stalled.optional(),
        away: away.optional(),
        failing: z
          .boolean()
          .optional()
          .describe('its workflow fails at each try to go on, as under a worker of another version'),
        orphan: z.boolean().optional().describe('its session has ended without it'),
        unknown: z
          .boolean()
          .optional()
          .describe('only the home has it: its server’s database was replaced, or is an older copy'),
      }),
    )
    .describe('live ones first, oldest first; then finished ones, newest first'),
  sessions: z.array(
    z.object({
      session: z.string(),
      live: z.number().int(),
      finished: z.number().int(),
      unacknowledged: z.number().int().nullable(),
      failing: z.boolean().optional().describe('its workflow fails at each try to go on'),
    }),
  ),
});
export type ListJson = z.input<typeof listJson>;

/** `show` */
export const showJson = z.object({
  subagent: identity.extend({
    status,
    since: z.string(),
    doing: z.string(),
    stalled: stalled.optional(),
    away: away.optional(),
    startedAt: z.string(),
    endedAt: z.string().optional(),
    task: z.string().optional(),
    repo: z.string().optional(),
    branch: z.string().nullable().optional(),
    cwd: z.string().optional(),
    copilotSessionId: z.string().optional(),
    permissions: permissions.optional(),
    workerId: z.string().optional(),
    model: z.string().optional(),
    usage: usage.optional(),
    lastEventAt: z.string().optional(),
    lastMessage: z.string().optional(),
    turns: z.number().int(),
    questions: z.array(question).readonly(),
    steers: subagentView.shape.steers,
    steps: z.array(stepView).readonly().optional().describe('of a chain'),
    outcome: outcome.optional(),
    url: z.string().optional(),
    workerless: z.boolean(),
    notes: z.array(z.string()).readonly(),
  }),
});

export type ShowJson = z.input<typeof showJson>;

/** `diff` */
export const diffJson = target.extend({
  live: z.boolean().describe('still at work: the text is of its folder as it is'),
  repository: z.string(),
  branch: z.string().nullable(),
  base: z.string(),
  head: z.string().nullable().describe('null: compared with the folder as it is'),
  text: z.string(),
  truncated: z.boolean(),
  notes: z.array(z.string()).readonly(),
});
export type DiffJson = z.input<typeof diffJson>;

/** `merge` */
export const mergeJson = target.extend({
  how: z.enum(['fast-forward', 'merge', 'squash', 'already-merged']),
  into: z.string().describe('the branch that was merged into'),
  checkout: z.string(),
  repository: z.string(),
  branch: z.string().nullable(),
  merged: z.string().describe('the commit that was merged'),
  before: z.string(),
  commit: z.string().describe('where the branch that was merged into is now'),
  diffStat: z.object({ files: z.number().int(), insertions: z.number().int(), deletions: z.number().int() }),
});
export type MergeJson = z.infer<typeof mergeJson>;

/** `clean` */
export const cleanJson = z.object({
  dryRun: z.boolean().describe('nothing was removed'),
  runs: z
    .array(
      identity.extend({
        removed: z.array(remains).readonly(),
        kept: z
          .array(
            z.object({
              what: z.enum([...remains.options, 'all']),
              where: z.string(),
              why: z.string(),
            }),
          )
          .readonly(),
        freedBytes: z.number().int(),
      }),
    )
    .readonly(),
  freedBytes: z.number().int(),
});
export type CleanJson = z.input<typeof cleanJson>;

/** `logs`, one object per line */
export const logsJson = transcriptEntry;
/** `announcements`, one object per line */
export const announcementsJson = announcement;

/** `open` */
export const openJson = z.object({ url: z.string() });
export type OpenJson = z.infer<typeof openJson>;

/** `keys`, `keys init`, and what changes the ring of a file: `keys rotate`, `keys remove`, `keys require` */
export const keysJson = z.object({
  source: z.string().nullable().describe('where the ring is kept; null: nothing is encrypted'),
  ring: z.string().nullable().describe('its public name'),
  plain: z.enum(['refused', 'read']).nullable().describe('what becomes of messages that are not encrypted'),
  keys: z.array(
    z.object({
      id: z.string(),
      created: z.string(),
      use: z.enum(['encrypts', 'prepared', 'decrypts']).describe('`prepared`: encrypts after `keys rotate`'),
    }),
  ),
});
export type KeysJson = z.infer<typeof keysJson>;

/**
 * `keys backup`, and what changes the ring of a variable or a command: the ring itself, with its secrets. For its owner
 * to keep, not to be read by programs.
 */
export const keysBackupJson = z.looseObject({ format: z.literal(1) });

const runCount = z.object({ open: z.number().int(), closed: z.number().int() });
/** `keys usage` */
export const keysUsageJson = z.object({
  runs: runCount,
  plain: runCount.describe('runs with messages that are not encrypted'),
  keys: z.array(
    runCount.extend({
      id: z.string(),
      known: z.boolean().describe('false: the key is not in the ring, and what is under it cannot be read'),
    }),
  ),
});
export type KeysUsageJson = z.infer<typeof keysUsageJson>;

/** `status` */
export const statusJson = z.object({
  home: z.string(),
  up: z
    .object({
      pid: z.number().int(),
      startedAt: z.string(),
      address: z.string(),
      namespace: z.string(),
      uiUrl: z.string(),
      workerPid: z.number().int().optional().describe('absent while the worker is being started'),
    })
    .nullable()
    .describe('the `up` that runs in this home'),
  server: server.extend({ reachable: z.boolean() }).nullable().describe('null: none is known'),
  workers: z.boolean().describe('whether some worker polls'),
  live: z.number().int(),
  byStatus: z.partialRecord(status, z.number().int()).describe('live subagents'),
  problems: z.array(z.object({ message: z.string(), remedy: z.string().optional() })),
});
export type StatusJson = z.infer<typeof statusJson>;

/** `doctor` */
export const doctorJson = z.object({
  ok: z.boolean().describe('no check failed'),
  checks: z.array(
    z.object({
      name: z.string(),
      result: z.enum(['ok', 'warn', 'fail']),
      detail: z.string(),
      remedy: z.string().optional(),
    }),
  ),
});
export type DoctorJson = z.infer<typeof doctorJson>;

/** `up --detach` */
export const upDetachedJson = z.object({
  started: z.boolean().describe('false: it ran already'),
  pid: z.number().int(),
  address: z.string(),
  namespace: z.string(),
  uiUrl: z.string(),
  home: z.string(),
  log: z.string(),
});
export type UpDetachedJson = z.infer<typeof upDetachedJson>;
/** `up` and `worker`, one object per line, as events happen */
export const upEventJson = z
  .object({
    event: z.string(),
    at: z.string(),
    message: z.string(),
  })
  .loose();

/** `down` */
export const downJson = z.object({
  stopped: z.boolean().describe('false: nothing ran'),
  forced: z.boolean().describe('it had to be killed'),
  left: z.array(z.number().int()).describe('pids that are still there'),
  leftBehind: z
    .number()
    .int()
    .optional()
    .describe('`up` had been killed: the pid of its Temporal server, which was ended'),
  durationMs: z.number().int(),
});
export type DownJson = z.infer<typeof downJson>;

/** `completion` */
export const completionJson = z.object({ shell: z.enum(['bash', 'zsh', 'fish']), script: z.string() });
export type CompletionJson = z.infer<typeof completionJson>;

/** `help`, and `--help` of any command */
export const helpJson = z.object({ help: z.string() });
export type HelpJson = z.infer<typeof helpJson>;

/** `--version` */
export const versionJson = z.object({ version: z.string() });
export type VersionJson = z.infer<typeof versionJson>;

/** `install` and `uninstall` */
export const installJson = z.object({
  client: z.literal('copilot'),
  scope: z.enum(['user', 'project']),
  path: z.string(),
  change: z.enum(['written', 'updated', 'unchanged', 'removed', 'absent']).describe('what was done to it'),
});
export type InstallJson = z.infer<typeof installJson>;

/**
 * The schemas by name of the command. The build writes a JSON Schema of each into `dist/schemas`. A command with
 * several forms (`wait --next`, `up --detach`) has one schema for each form.
 */
export const REPORTS = {
  failure: failureJson,
  spawn: spawnJson,
  steer: steerJson,
  continue: spawnJson,
  answer: answerJson,
  kill: killJson,
  wait: waitJson,
  'wait-next': waitNextJson,
  'chain-run': chainRunJson,
  'chain-check': chainCheckJson,
  'chain-retry': chainRunJson,
  batch: chainRunJson,
  race: chainRunJson,
  diff: diffJson,
  merge: mergeJson,
  clean: cleanJson,
  list: listJson,
  watch: listJson,
  show: showJson,
  logs: logsJson,
  announcements: announcementsJson,
  open: openJson,
  up: upEventJson,
  'up-detached': upDetachedJson,
  down: downJson,
  status: statusJson,
  doctor: doctorJson,
  worker: upEventJson,
  'worker-forget': forgetJson,
  keys: keysJson,
  'keys-init': keysJson,
  'keys-rotate': keysJson,
  'keys-remove': keysJson,
  'keys-require': keysJson,
  'keys-backup': keysBackupJson,
  'keys-usage': keysUsageJson,
  install: installJson,
  uninstall: installJson,
  completion: completionJson,
  help: helpJson,
  version: versionJson,
} as const satisfies Readonly<Record<string, z.ZodType>>;
