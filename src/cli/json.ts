/**
 * Schemas of what each command prints with `--json`: one object on one line or, where noted, one object per line.
 * Errors of any command are `failureJson` on stderr. Fields may be added, but not renamed, removed or changed in
 * meaning.
 */
import { z } from 'zod';
import { announcement } from '../contract/protocol/announcement.ts';
import { answerReceipt, approvalReceipt, receipt, transcriptEntry } from '../contract/protocol/messages.ts';
import { policy } from '../contract/policies/policy.ts';
import { auditEntry } from '../contract/outcome/audit.ts';
import { outcome } from '../contract/outcome/outcome.ts';
import { finalStatus, status } from '../contract/status/status.ts';
import type { DeepReadonly } from '../contract/deep-readonly.ts';
import {
  cleanReport,
  killReport,
  mergeReport,
  openApproval,
  subagentDiff,
} from '../contract/reports/actions.ts';
import { check } from '../contract/reports/check.ts';
import { subagentDescription } from '../contract/reports/description.ts';
import { actedOn, errorReport, identity } from '../contract/reports/identity.ts';
import { installChange } from '../contract/reports/installation.ts';
import { fleetList, sessionListing, subagentRow } from '../contract/reports/listing.ts';
import { serverInfo } from '../contract/reports/server.ts';
import { spawnAccepted } from '../contract/reports/spawned.ts';
import { stopReport } from '../contract/reports/stop.ts';
import { workerList } from '../contract/reports/worker.ts';

const error = errorReport.extend({ stack: z.string().optional().describe('with --verbose') });
/** The error of any command, on stderr. */
export const failureJson = z.object({ error });

/** What a request started that was accepted. */
const started = identity.extend({
  ...spawnAccepted.pick({ notes: true, repeated: true }).shape,
  url: z.string().optional().describe('its page in the Temporal Web UI, if known'),
});

/** `spawn` */
export const spawnJson = z.object({
  server: serverInfo,
  subagent: started.extend({
    branch: z
      .string()
      .nullable()
      .describe('null when in-place; where the name is taken it gets a number, which `show` has'),
  }),
  outcome: outcome.optional().describe('with --wait, once it has ended'),
});
export type SpawnJson = DeepReadonly<z.infer<typeof spawnJson>>;

/** `continue` */
export type ContinueJson = SpawnJson;

/** `steer` */
export const steerJson = actedOn.extend({ receipt });
export type SteerJson = DeepReadonly<z.infer<typeof steerJson>>;
/** `answer` */
export const answerJson = actedOn.extend({ answered: z.literal(true) }).extend(answerReceipt.shape);
export type AnswerJson = DeepReadonly<z.infer<typeof answerJson>>;

/** `approve` and `reject` */
export const decisionJson = actedOn.extend(approvalReceipt.shape);
export type DecisionJson = DeepReadonly<z.infer<typeof decisionJson>>;
/** `approvals` */
export const approvalsJson = z.object({ approvals: z.array(openApproval).describe('oldest first') });
export type ApprovalsJson = DeepReadonly<z.infer<typeof approvalsJson>>;

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
export type KillJson = DeepReadonly<z.infer<typeof killJson>>;

/** `workers` */
export const workersJson = workerList;
export type WorkersJson = DeepReadonly<z.infer<typeof workersJson>>;
/** `worker health` */
export const workerHealthJson = z.object({
  healthy: z.boolean(),
  why: z.string().describe('one line, for people'),
  state: z
    .enum(['starting', 'running', 'draining', 'stopping', 'gone', 'silent', 'none'])
    .describe(
      '`gone`: its process ended without a clean stop; `silent`: it does not answer; `none`: none runs',
    ),
  workerId: z.string().optional(),
  pid: z.number().int().optional(),
  at: z.string().optional().describe('ISO 8601, its last sign of life'),
  serverSilentSince: z
    .string()
    .optional()
    .describe(
      'ISO 8601; absent while its server answers. A silent server does not make the worker unhealthy',
    ),
});
export type WorkerHealthJson = DeepReadonly<z.infer<typeof workerHealthJson>>;
/** `worker forget` */
export const forgetJson = z.object({
  workerId: z.string(),
  lost: z.array(identity).describe('its live subagents, which end as lost'),
});
export type ForgetJson = DeepReadonly<z.infer<typeof forgetJson>>;
/** `chain run`, `chain retry` (without steps), `batch` and `race` */
export const chainRunJson = z.object({
  server: serverInfo,
  chain: started.extend({ steps: z.array(z.string()).describe('how its steps are addressed') }),
  outcome: outcome.optional().describe('with --wait, once it has ended'),
});
export type ChainRunJson = DeepReadonly<z.infer<typeof chainRunJson>>;
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
export type ChainCheckJson = DeepReadonly<z.infer<typeof chainCheckJson>>;

/** `policy check` */
export const policyCheckJson = z.object({
  decision: z.enum(['allow', 'ask', 'deny']),
  rule: z.string().optional().describe('the rule that decided; absent where none is about the request'),
  layer: z.enum(['worker', 'repository', 'spawn']).optional().describe('whose policy decided'),
  part: z.string().optional().describe('the simple command, path, host or tool that decided'),
  why: z.string().optional().describe('why, where no rule says it'),
  layers: z.array(z.enum(['worker', 'repository', 'spawn'])).describe('the policies that there are'),
});
export type PolicyCheckJson = DeepReadonly<z.infer<typeof policyCheckJson>>;
/** `policy show` */
export const policyShowJson = z.object({
  layers: z.array(z.object({ layer: z.enum(['worker', 'repository', 'spawn']), policy })),
});
export type PolicyShowJson = DeepReadonly<z.infer<typeof policyShowJson>>;

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
export type WaitJson = DeepReadonly<z.infer<typeof waitJson>>;
/** `wait --next` */
export const waitNextJson = z.object({
  announcement: announcement.nullable().describe('null: none in time'),
});
export type WaitNextJson = DeepReadonly<z.infer<typeof waitNextJson>>;

/** `list`; also each line of `watch`. */
export const listJson = fleetList.pick({ server: true, workerless: true, notes: true }).extend({
  subagents: z.array(subagentRow).describe('live ones first, oldest first; then finished ones, newest first'),
  sessions: z.array(
    sessionListing.pick({ session: true, unacknowledged: true, failing: true }).extend({
      live: z.number().int().describe('how many are live'),
      finished: z.number().int().describe('how many have finished'),
    }),
  ),
});
export type ListJson = DeepReadonly<z.infer<typeof listJson>>;

/** `show` */
export const showJson = z.object({ subagent: subagentDescription });
export type ShowJson = DeepReadonly<z.infer<typeof showJson>>;

/** `audit` */
export const auditJson = z.object({
  entries: z
    .array(actedOn.extend(auditEntry.shape))
    .describe('oldest first; of each subagent the first entry and the newest ones'),
});
export type AuditJson = DeepReadonly<z.infer<typeof auditJson>>;

/** `diff` */
export const diffJson = subagentDiff;
/** `merge` */
export const mergeJson = mergeReport;
/** `clean` */
export const cleanJson = cleanReport;

/** `logs`, one object per line */
export const logsJson = transcriptEntry;
/** `announcements`, one object per line */
export const announcementsJson = announcement;

/** `open` */
export const openJson = z.object({
  url: z
    .string()
    .describe('the page; with a key a link to it that lets one browser in, once, within 2 minutes'),
});
export type OpenJson = DeepReadonly<z.infer<typeof openJson>>;

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

/** `keys codec` */
export const keysCodecJson = z.object({
  endpoint: z.string().describe('for `temporal --codec-endpoint`'),
  authorization: z.string().describe('for `TEMPORAL_CODEC_AUTH`: a secret'),
});
export type KeysCodecJson = z.infer<typeof keysCodecJson>;

/** `store init` */
export const storeJson = z.object({
  store: z.string().describe('its id'),
  place: z.string().describe('the folder or bucket'),
  ring: z.string().describe('the public name of the key ring that its objects are encrypted with'),
});
export type StoreJson = z.infer<typeof storeJson>;
/** `store status` */
export const storeStatusJson = storeJson.extend({
  objects: z.number().int(),
  bytes: z.number().int().describe('with what interrupted writers left'),
  oldest: z.string().nullable().describe('the time of the oldest object; null: there is none'),
  unreadable: z.number().int().describe('objects that are damaged, or encrypted with a key that is missing'),
  subagents: z
    .array(
      z.object({
        session: z.string(),
        label: z.string(),
        objects: z.number().int(),
        bytes: z.number().int(),
        oldest: z.string(),
      }),
    )
    .describe('largest first'),
});
export type StoreStatusJson = z.infer<typeof storeStatusJson>;
const storeObject = z.object({
  kind: z
    .enum(['upload', 'accepted', 'result', 'merged', 'unreadable'])
    .describe(
      'commits that a client sent; that a spawn with them was accepted; the work of a run that has ended; that it was merged',
    ),
  key: z.string().describe('its address in the store'),
  session: z.string().optional(),
  label: z.string().optional(),
  run: z.number().int().optional(),
  commit: z.string().optional().describe('the newest commit in it'),
  commits: z.number().int().optional().describe('of a result: how many the subagent made'),
  bytes: z.number().int(),
  at: z.string().describe('when it was written, by the clock of the store'),
  problem: z.string().optional().describe('why it cannot be read, or not as a whole'),
});
export type StoreObjectJson = z.infer<typeof storeObject>;
/** `store list` */
export const storeListJson = storeJson.extend({
  objects: z.array(storeObject),
  unfinished: z
    .object({ parts: z.number().int(), bytes: z.number().int() })
    .describe('what is part of no object: of writes that run now, or were interrupted'),
});
export type StoreListJson = z.infer<typeof storeListJson>;
const decided = storeObject.extend({ why: z.string() });
/** `store clean` */
export const storeCleanJson = storeJson.extend({
  dryRun: z.boolean(),
  removed: z.array(decided).describe('with --dry-run: what would be removed'),
  kept: z.array(decided),
  freedBytes: z.number().int(),
});
export type StoreCleanJson = z.infer<typeof storeCleanJson>;

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
  worker: workerHealthJson
    .extend({ log: z.string().optional().describe('the file that it logs to') })
    .describe('the worker of this home'),
  server: serverInfo.extend({ reachable: z.boolean() }).nullable().describe('null: none is known'),
  keys: z
    .string()
    .nullable()
    .describe('the key ring that encrypts messages; null: they are not encrypted, or it cannot be read'),
  workers: z.boolean().describe('whether some worker polls'),
  live: z.number().int(),
  byStatus: z.partialRecord(status, z.number().int()).describe('live subagents'),
  problems: z.array(z.object({ message: z.string(), remedy: z.string().optional() })),
});
export type StatusJson = DeepReadonly<z.infer<typeof statusJson>>;

/** `doctor` */
export const doctorJson = z.object({
  ok: z.boolean().describe('no check failed'),
  pool: z.string().optional().describe('with --pool'),
  worker: z.string().optional().describe('with --pool: the id of the worker that looked'),
  host: z.string().optional().describe('with --pool: its host'),
  checks: z.array(check),
});
export type DoctorJson = DeepReadonly<z.infer<typeof doctorJson>>;

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
export type UpDetachedJson = DeepReadonly<z.infer<typeof upDetachedJson>>;
/** `up` and `worker`, one object per line, as events happen */
export const upEventJson = z
  .object({
    event: z.string(),
    at: z.string(),
    message: z.string(),
  })
  .loose();

/** `down` */
export const downJson = stopReport.omit({ processes: true }).extend({ durationMs: z.number().int() });
export type DownJson = DeepReadonly<z.infer<typeof downJson>>;

/** `completion` */
export const completionJson = z.object({ shell: z.enum(['bash', 'zsh', 'fish']), script: z.string() });
export type CompletionJson = DeepReadonly<z.infer<typeof completionJson>>;

/** `help`, and `--help` of any command */
export const helpJson = z.object({ help: z.string() });
export type HelpJson = DeepReadonly<z.infer<typeof helpJson>>;

/** `--version` */
export const versionJson = z.object({ version: z.string() });
export type VersionJson = DeepReadonly<z.infer<typeof versionJson>>;

/** `install` and `uninstall` */
export const installJson = z.object({
  client: z.literal('copilot'),
  scope: z.enum(['user', 'project']),
  path: z.string(),
  change: installChange.describe('what was done to it'),
});
export type InstallJson = DeepReadonly<z.infer<typeof installJson>>;

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
  approve: decisionJson,
  reject: decisionJson,
  approvals: approvalsJson,
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
  workers: workersJson,
  show: showJson,
  audit: auditJson,
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
  'worker-health': workerHealthJson,
  keys: keysJson,
  'keys-init': keysJson,
  'keys-rotate': keysJson,
  'keys-remove': keysJson,
  'keys-require': keysJson,
  'keys-backup': keysBackupJson,
  'keys-usage': keysUsageJson,
  'keys-codec': keysCodecJson,
  'store-init': storeJson,
  'store-status': storeStatusJson,
  'store-list': storeListJson,
  'store-clean': storeCleanJson,
  'policy-check': policyCheckJson,
  'policy-show': policyShowJson,
  install: installJson,
  uninstall: installJson,
  completion: completionJson,
  help: helpJson,
  version: versionJson,
} as const satisfies Readonly<Record<string, z.ZodType>>;
