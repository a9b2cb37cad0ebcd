import { z } from 'zod';
import { budget, onStuck } from './bounds.ts';
import { millisOf } from './duration.ts';
import { label } from './label.ts';
import {
  DEFAULT_MAX_REPAIRS,
  DEFAULT_STUCK_AFTER_MS,
  DEFAULT_TIMEOUT_MS,
  MAX_ARTIFACTS,
  MAX_COMMAND_LENGTH,
  MAX_HANDOVER_CHARS,
  MAX_SETUP_COMMANDS,
  MAX_TASK_BYTES,
  MAX_TIMEOUT_MS,
  MAX_VERIFY_COMMANDS,
  MIN_TIMEOUT_MS,
} from './limits.ts';
import { isRepositoryUrl } from './repository-url.ts';
import { byteLength } from './text.ts';

/** A duration: milliseconds, or words such as `90s`, `15m`, `2 hours`. */
export const duration = z.union([z.number(), z.string()]).transform((value, context) => {
  const millis = typeof value === 'number' ? value : millisOf(value);
  if (millis !== undefined && millis >= MIN_TIMEOUT_MS && millis <= MAX_TIMEOUT_MS) return Math.round(millis);
  context.addIssue({
    code: 'custom',
    message: `"${value}" is no duration between 1s and 7d; write it like 90s, 15m or 2h`,
  });
  return z.NEVER;
});

const task = z
  .string()
  .refine((text) => text.trim() !== '', 'the task is empty: say what to do, where, and when it is done')
  .refine(
    (text) => byteLength(text) <= MAX_TASK_BYTES,
    `the task is larger than ${MAX_TASK_BYTES / 1024} KiB: put the material in a file of the repository and name it`,
  );

/** How hard the model thinks; `true` means high. */
export const thinking = z.enum(['off', 'low', 'medium', 'high', 'xhigh']);
export type Thinking = z.infer<typeof thinking>;

const command = (what: string) =>
  z.string().trim().min(1, `a ${what} command is empty`).max(MAX_COMMAND_LENGTH);
/** Shell commands that make a new worktree ready to work in, for example `npm ci`. */
export const setupCommands = z.array(command('set-up')).max(MAX_SETUP_COMMANDS);
/** Shell commands that must exit 0 before a subagent is done. */
export const verifyCommands = z.array(command('verification')).max(MAX_VERIFY_COMMANDS);

/** Where a subagent works: a git worktree and branch of its own, or the caller's checkout itself. */
export const isolation = z.enum(['worktree', 'in-place']);
export type Isolation = z.infer<typeof isolation>;

/**
 * What the tools of a subagent may do: `all`, everything without asking; `workspace`, file tools only in its worktree and
 * the temporary folder (its shell can still do anything); `read-only`, neither write nor shell.
 */
export const permissions = z.enum(['all', 'workspace', 'read-only']);
export type Permissions = z.infer<typeof permissions>;

/** Names of variables of the worker's environment. */
const variables = z
  .array(
    z
      .string()
      .max(200)
      .regex(
        /^[A-Za-z_][A-Za-z0-9_]*$/,
        'not the name of a variable: name it, and leave its value to the worker',
      ),
  )
  .max(50);

/** Whether commits are signed as the repository's configuration has it, or not at all. */
export const signing = z.enum(['repository', 'off']);

/** What a caller asks for: the arguments of `sessions_spawn`, of `session.spawn()` and of `subagents spawn`. */
export const spawnSpec = z.strictObject({
  label: label.describe('identifies the subagent, and names its branch subagents/<label>'),
  task: task.describe('detailed instructions: files, symptoms, set-up, and what done looks like'),
  model: z.string().min(1).max(100).optional().describe('a model the worker allows; default: the worker’s'),
  thinking: z
    .union([thinking, z.boolean().transform((on): Thinking => (on ? 'high' : 'off'))])
    .optional()
    .describe('off, low, medium, high or xhigh; true means high'),
  repo: z
    .string()
    .min(1)
    .optional()
    .describe('path of the git repository, or its URL; default: the git root of where the caller stands'),
  base: z
    .string()
    .min(1)
    .max(250)
    .optional()
    .describe('the commit, branch or tag to start from; default: HEAD of the checkout'),
  isolation: isolation.optional().describe('worktree (default) or in-place'),
  withChanges: z
    .boolean()
    .optional()
    .describe('carry the uncommitted changes of the checkout along, as the first commit of the branch'),
  push: z
    .boolean()
    .optional()
    .describe('push the branch once it is done; for a repository that is named by URL'),
  setup: setupCommands
    .optional()
    .describe('commands that run in the new worktree before the first turn, for example npm ci'),
  verify: verifyCommands.optional().describe('commands that must exit 0 before the subagent is done'),
  permissions: permissions
    .optional()
    .describe(
      'all (default: every tool without asking), workspace (file tools stay in the worktree and the temporary folder) or read-only (no write, no shell)',
    ),
  trustRepo: z
    .boolean()
    .optional()
    .describe('load the repository’s own Copilot hooks, extensions and MCP servers; default: none of them'),
  env: variables
    .optional()
    .describe(
      'names of secret variables of the worker’s environment that shells and verification get; default: none of them',
    ),
  signing: signing
    .optional()
    .describe('repository (default): commits are signed where git is configured so; off: they are not'),
  timeout: duration.optional().describe('working time allowed, for example 45m; default 4h'),
  stuckAfter: duration
    .optional()
    .describe('silence after which the subagent is announced as stuck; default 10m'),
  onStuck: onStuck
    .optional()
    .describe('report (default: announce it), nudge (and send it a message) or kill (and kill it)'),
  hungAfter: duration
    .optional()
    .describe('silence of a model call after which it is given up and tried again; default 3m'),
  answerTimeout: duration
    .optional()
    .describe('how long a question waits before it is told to use its own judgement; default: for ever'),
  budget: budget
    .optional()
    .describe('tokens, turns, modelRequests: it ends as over-budget when one is used up; default: no bound'),
});
export type SpawnSpec = z.input<typeof spawnSpec>;

/** A subagent that goes on: the new task, and what is to differ from the run before. All else stays as it was. */
export const continueSpec = spawnSpec.pick({
  task: true,
  model: true,
  thinking: true,
  verify: true,
  permissions: true,
  trustRepo: true,
  timeout: true,
  stuckAfter: true,
});
export type ContinueSpec = z.input<typeof continueSpec>;

/** The run that another one goes on with, and where it left its work. */
export const continuation = z.strictObject({
  run: z.number().int().min(1),
  runId: z.string().describe('its first execution run id'),
  workerId: z.string().describe('the worker that has its workspace and its Copilot session'),
  copilotSessionId: z.string(),
  cwd: z.string(),
  repository: z.string().startsWith('/').describe('the repository that has its branch'),
  branch: z.string().nullable().describe('null when in-place on a detached HEAD'),
  handover: z
    .string()
    .max(MAX_HANDOVER_CHARS)
    .describe('what the subagent is told of it where its conversation is gone'),
});
export type Continuation = z.infer<typeof continuation>;

/** A file of a workspace: relative, and without anything that leads out of it. */
const artifactPath = z
  .string()
  .max(200)
  .regex(/^[^\s{}/\\][^{}\\\p{Cc}]*$/u, 'name a file of the workspace: a relative path without braces')
  .refine(
    (path) => !path.endsWith('/') && path.split('/').every((part) => !['', '.', '..', '.git'].includes(part)),
    'name a file of the workspace: a relative path without "..", and not in .git',
  );
/** Files of a workspace that are handed on whole. */
export const artifactPaths = z.array(artifactPath).min(1).max(MAX_ARTIFACTS);

/** A spec as it travels to the session: every default filled in, the base resolved to a commit. */
export const resolvedSpec = z.strictObject({
  label,
  task,
  model: z.string().optional(),
  thinking: thinking.optional(),
  repo: z
    .string()
    .refine((repo) => repo.startsWith('/') || isRepositoryUrl(repo))
    .describe('real path of the checkout, on the host of `hostQueue`; or a URL'),
  base: z.strictObject({
    commit: z.string().regex(/^[0-9a-f]{40,64}$/),
    name: z.string().describe('what the caller called it, for example main or HEAD'),
  }),
  isolation,
  carried: z
    .strictObject({
      commit: z
        .string()
        .regex(/^[0-9a-f]{40,64}$/)
        .describe('on top of the base; the branch starts there'),
      changed: z.number().int().describe('tracked files in it'),
      untracked: z.number().int().describe('new files in it'),
    })
    .optional()
    .describe('the uncommitted changes of the caller’s checkout'),
  push: z.boolean().optional().describe('its branch is pushed to `repo`, a URL, once it is done'),
  setup: setupCommands.default([]),
  verify: verifyCommands,
  leftOpen: z
    .array(z.enum(['setup', 'verify', 'model', 'timeout', 'permissions']))
    .default([])
    .describe('what the spawn said nothing of: the repository’s .subagents.json may'),
  permissions: permissions.default('all'),
  trustRepo: z.boolean().default(false),
  env: variables.default([]),
  signing: signing.default('repository'),
  timeoutMs: z.number().int().default(DEFAULT_TIMEOUT_MS),
  stuckAfterMs: z.number().int().default(DEFAULT_STUCK_AFTER_MS),
  onStuck: onStuck.optional(),
  hungAfterMs: z.number().int().optional(),
  answerTimeoutMs: z.number().int().optional(),
  budget: budget.optional(),
  maxRepairs: z.number().int().min(0).max(10).default(DEFAULT_MAX_REPAIRS),
  continues: continuation.optional(),
  output: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('of a step of a chain: the JSON schema that its final message fits'),
  artifacts: artifactPaths.optional().describe('of a step of a chain: the files that it hands on whole'),
  hostQueue: z.string().describe('the host that has the checkout: only its workers can take this subagent'),
});
export type ResolvedSpec = z.infer<typeof resolvedSpec>;
