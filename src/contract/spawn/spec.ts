import { z } from 'zod';
import { budget, onStuck, stuckRepeats } from './caller-limits.ts';
import { parseDuration } from '../text/quantities.ts';
import { label, poolName } from './label.ts';
import {
  DEFAULT_MAX_REPAIRS,
  DEFAULT_STUCK_AFTER_MS,
  DEFAULT_TIMEOUT_MS,
  MAX_ARTIFACTS,
  MAX_COMMAND_LENGTH,
  MAX_HANDOVER_CHARS,
  MAX_SETUP_COMMANDS,
  MAX_RENDERED_TASK_BYTES,
  MAX_REPO_CHARS,
  MAX_TASK_BYTES,
  MAX_TIMEOUT_MS,
  MAX_VERIFY_COMMANDS,
  MIN_TIMEOUT_MS,
} from '../limits.ts';
import { network } from './network.ts';
import { policy, policyOrName } from '../policies/policy.ts';
import { isRepositoryUrl } from './repository-url.ts';
import {
  CONTINUE_OPTIONS,
  optionText,
  REPOSITORY_OPTIONS,
  SPAWN_OPTIONS,
  type SpawnOptionName,
} from './spawn-options.ts';
import { byteLength } from '../text/text.ts';

/** A duration with its unit: `90s`, `15m`, `2 hours`. Parsed to milliseconds. */
export const duration = z
  .string({
    error: ({ input }) =>
      `${typeof input === 'number' ? `${input} has no unit` : 'it is not text'}: write it like 90s, 15m or 2h`,
  })
  .transform((words, context) => {
    const millis = parseDuration(words);
    if (millis !== undefined && millis >= MIN_TIMEOUT_MS && millis <= MAX_TIMEOUT_MS)
      return Math.round(millis);
    const what = words.trim() !== '' && Number.isFinite(Number(words)) ? 'has no unit' : 'is not a duration';
    context.addIssue({
      code: 'custom',
      message: `"${words.slice(0, 60)}" ${what}: write it like 90s, 15m or 2h, from 1s to 7d`,
    });
    return z.NEVER;
  });

/** Accepts a list, or a single element as a list of one. */
export const oneOrMany = <T extends z.ZodType<string>>(list: z.ZodArray<T>) =>
  z.union([list, list.element.transform((one) => [one])]);

const task = z
  .string()
  .refine((text) => text.trim() !== '', 'the task is empty: say what to do, where, and when it is done')
  .refine(
    (text) => byteLength(text) <= MAX_TASK_BYTES,
    `the task is larger than ${MAX_TASK_BYTES / 1024} KiB: put the material into a file of the repository and name the file`,
  );

/** How hard the model thinks; `true` means high. */
const thinking = z.enum(SPAWN_OPTIONS.thinking.choices);
export type Thinking = z.infer<typeof thinking>;

const command = (what: string) =>
  z.string().trim().min(1, `a ${what} command is empty`).max(MAX_COMMAND_LENGTH);
/** Shell commands that make a new worktree ready to work in, for example `npm ci`. */
const setupCommands = z.array(command('set-up')).max(MAX_SETUP_COMMANDS);
/** Shell commands that must exit 0 before a subagent is done. */
const verifyCommands = z.array(command('verification')).max(MAX_VERIFY_COMMANDS);

/** Where a subagent works: a git worktree and branch of its own, or the caller's checkout itself. */
export const isolation = z.enum(['worktree', 'in-place']);
export type Isolation = z.infer<typeof isolation>;

/**
 * What the tools of a subagent may do: `all`, everything without asking; `workspace`, file tools only in its worktree and
 * the temporary folder (its shell can still do anything); `read-only`, neither write nor shell.
 */
export const permissions = z.enum(SPAWN_OPTIONS.permissions.choices);
export type Permissions = z.infer<typeof permissions>;

/** Names of variables of the worker's environment. */
const variables = z
  .array(
    z
      .string()
      .max(200)
      .regex(
        /^[A-Za-z_][A-Za-z0-9_]*$/,
        'this is not the name of a variable: give only the name; the value comes from the worker',
      ),
  )
  .max(50);

/** Whether commits are signed according to the repository's configuration, or not at all. */
const signing = z.enum(SPAWN_OPTIONS.signing.choices);

/** A fingerprint of a whole request. */
export const fingerprint = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .optional()
  .describe(
    'fingerprint of the whole request: while its subagent is live, an equal request gets the same answer',
  );

/** A digest of a request's labels and tasks. It tells a repeated request from a different one with the same id. */
export const requestDigest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .optional();

/** The id of a request. A repeated request with the same id is the same request. */
export const requestId = z
  .string()
  .min(1)
  .max(100)
  .describe(
    'idempotency key that you choose: a repeated request with the same id gets the same answer and starts nothing twice',
  );

type OptionField = SpawnOptionName extends infer Name
  ? Name extends `${infer Field}.${string}`
    ? Field
    : Name
  : never;

/** Adds the declared description to each option of a shape, and sorts the options as declared. */
function described<Shape extends Readonly<Record<string, z.ZodType>>>(shape: Shape): Shape {
  const order = Object.keys(SPAWN_OPTIONS).map((name) => name.split('.')[0]);
  const fields = Object.entries(shape)
    .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .map(([name, schema]) =>
      name in SPAWN_OPTIONS ? [name, schema.describe(optionText(name as SpawnOptionName))] : [name, schema],
    );
  return Object.fromEntries(fields) as Shape;
}

/** Options that are sent to the subagent unchanged. */
const unchangedOptions = {
  model: z.string().min(1).max(100).optional(),
  push: z.boolean().optional(),
  force: z.boolean().optional(),
  verifyFresh: z.boolean().optional(),
  // Nobody can say false: whoever asks for a sandbox gets one, the repository and the worker included.
  sandbox: z.literal(true).optional(),
  network: network.optional(),
  stuckRepeats: stuckRepeats.optional(),
  onStuck: onStuck.optional(),
  budget: budget
    .optional()
    .describe('limits of use: the subagent ends as over-budget when one is used up; default: no limit'),
};

/** Durations, parsed to milliseconds. In a resolved spec their names end in `Ms`. */
const durations = {
  timeout: duration.optional(),
  stuckAfter: duration.optional(),
  hungAfter: duration.optional(),
  answerTimeout: duration.optional(),
  approvalTimeout: duration.optional(),
};

const options = described({
  ...unchangedOptions,
  ...durations,
  thinking: z.union([thinking, z.boolean().transform((on): Thinking => (on ? 'high' : 'off'))]).optional(),
  repo: z.string().min(1).optional(),
  pool: poolName.optional(),
  base: z.string().min(1).max(250).optional(),
  isolation: isolation.optional(),
  withChanges: z.boolean().optional(),
  setup: oneOrMany(setupCommands).optional(),
  verify: oneOrMany(verifyCommands).optional(),
  permissions: permissions.optional(),
  policy: policyOrName.optional(),
  trustRepo: z.boolean().optional(),
  env: oneOrMany(variables).optional(),
  signing: signing.optional(),
} satisfies Record<OptionField, z.ZodType>);

/** A spec as a caller writes it: the arguments of `sessions_spawn`, `session.spawn()` and `subagents spawn`. */
export const spawnSpec = z.strictObject({
  label: label.describe('identifies the subagent; its branch is subagents/<label>'),
  task: task.describe('detailed instructions: files, symptoms, set-up, and when it is done'),
  ...options,
});

const mask = <Name extends string>(names: readonly Name[]): Record<Name, true> =>
  Object.fromEntries(names.map((name) => [name, true])) as Record<Name, true>;

/** The spec of a continuation: the new task, and the options that change. The previous run's other options stay. */
export const continueSpec = spawnSpec.pick({ task: true, ...mask(CONTINUE_OPTIONS) });

/** Options that the `.subagents.json` of a repository may set for spawns that leave them open. */
export const repositoryOptions = spawnSpec.pick(mask(REPOSITORY_OPTIONS)).shape;

/** The options of `spec` that are set, with their names in a resolved spec. */
export function resolvedOptions(
  spec: Partial<z.output<typeof spawnSpec>>,
): Partial<z.output<typeof resolvedSpec>> {
  const set = Object.entries(spec).filter(
    ([name, value]) => name in options && !RESOLVED_BY_CALLER.has(name) && value !== undefined,
  );
  return Object.fromEntries(set.map(([name, value]) => [name in durations ? `${name}Ms` : name, value]));
}
/** Options that only the caller's machine can resolve. */
const RESOLVED_BY_CALLER: ReadonlySet<string> = new Set(['repo', 'pool', 'base', 'isolation', 'withChanges']);

/** The run that is continued, and where its work is. */
const continuation = z.strictObject({
  run: z.number().int().min(1),
  runId: z.string().describe('its first execution run id'),
  workerId: z.string().describe('the worker that has its workspace and its Copilot session'),
  copilotSessionId: z.string(),
  cwd: z.string(),
  repository: z.string().startsWith('/').describe('the repository that has its branch'),
  branch: z.string().nullable().describe('null if in-place on a detached HEAD'),
  handover: z
    .string()
    .max(MAX_HANDOVER_CHARS)
    .describe('what the subagent is told about the previous run if its conversation is lost'),
});
export type Continuation = z.infer<typeof continuation>;

/** Where a worker of a pool finds the commits of a caller's checkout. */
const sentCheckout = z.strictObject({
  store: z.string().describe('the id of the store that the work goes through'),
  commit: z
    .string()
    .regex(/^[0-9a-f]{40,64}$/)
    .describe('the commit that the branch starts from'),
  upload: z
    .uuid()
    .optional()
    .describe('the upload in the store; absent if the repository at `url` had everything'),
  url: z
    .string()
    .max(MAX_REPO_CHARS)
    .refine(isRepositoryUrl)
    .optional()
    .describe('the repository that has all other commits; absent if the upload has everything'),
});
export type SentCheckout = z.infer<typeof sentCheckout>;

/** Excludes control characters without `\p{Cc}`, because validators of other languages read this pattern, too. */
// eslint-disable-next-line no-control-regex
const ARTIFACT_PATH = /^[^\s{}/\\\x00-\x1f\x7f-\x9f][^{}\\\x00-\x1f\x7f-\x9f]*$/;

/** A file of a workspace: a relative path that cannot lead out of the workspace. */
const artifactPath = z
  .string()
  .max(200)
  .regex(ARTIFACT_PATH, 'name a file of the workspace by a relative path without braces')
  .refine(
    (path) => !path.endsWith('/') && path.split('/').every((part) => !['', '.', '..', '.git'].includes(part)),
    'name a file of the workspace by a relative path without ".." and outside .git',
  );
/** Files of a workspace whose whole content later steps may quote. */
export const artifactPaths = z.array(artifactPath).min(1).max(MAX_ARTIFACTS);

/** A spec as sent to the session: every default filled in, the base resolved to a commit. */
export const resolvedSpec = z.strictObject({
  label,
  task,
  ...unchangedOptions,
  thinking: thinking.optional(),
  repo: z
    .string()
    .max(MAX_REPO_CHARS)
    .refine((repo) => repo.startsWith('/') || isRepositoryUrl(repo))
    .describe('real path of the checkout, on the host of `hostQueue`; or a URL'),
  base: z.strictObject({
    commit: z.string().regex(/^[0-9a-f]{40,64}$/),
    name: z.string().describe('the name that the caller used, for example main or HEAD'),
  }),
  isolation,
  carried: z
    .strictObject({
      commit: z
        .string()
        .regex(/^[0-9a-f]{40,64}$/)
        .describe('the commit with the changes, on top of the base; the branch starts there'),
      changed: z.number().int().describe('number of tracked files in it'),
      untracked: z.number().int().describe('number of new files in it'),
    })
    .optional()
    .describe('the uncommitted changes of the caller’s checkout'),
  setup: setupCommands.default([]),
  verify: verifyCommands,
  leftOpen: z
    .array(z.enum(REPOSITORY_OPTIONS))
    .default([])
    .describe('options that the spawn left out: the repository’s .subagents.json may set them'),
  permissions: permissions.default('all'),
  policy: policy.optional(),
  repositoryPolicy: policy.optional().describe('the policy of the repository’s .subagents.json'),
  trustRepo: z.boolean().default(false),
  env: variables.default([]),
  signing: signing.default('repository'),
  timeoutMs: z.number().int().default(DEFAULT_TIMEOUT_MS),
  stuckAfterMs: z.number().int().default(DEFAULT_STUCK_AFTER_MS),
  hungAfterMs: z.number().int().optional(),
  answerTimeoutMs: z.number().int().optional(),
  approvalTimeoutMs: z.number().int().optional(),
  maxRepairs: z.number().int().min(0).max(10).default(DEFAULT_MAX_REPAIRS),
  continues: continuation.optional(),
  output: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('of a step of a chain: the JSON schema for its final message'),
  artifacts: artifactPaths.optional().describe('of a step of a chain: the files that it passes on'),
  hostQueue: z
    .string()
    .describe('the host that has the checkout: without a pool only its workers can take this subagent'),
  pool: poolName.optional().describe('the pool whose workers can take it'),
  checkout: sentCheckout.optional().describe('of a checkout that goes to a pool: where its commits are'),
  worker: z
    .string()
    .optional()
    .describe('the only worker of the pool that can take it, because it has the base'),
  fingerprint,
});
export type ResolvedSpec = z.infer<typeof resolvedSpec>;

/** The spec that a subagent starts with. For a step of a chain, the task is rendered with all its quotes. */
export const startedSpec = resolvedSpec.extend({
  task: z.string().refine((text) => byteLength(text) <= MAX_RENDERED_TASK_BYTES, 'the task is too large'),
});
