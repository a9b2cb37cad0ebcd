import { z } from 'zod';
import { auditEntry } from './audit.ts';
import { decidedApproval } from './approval.ts';
import { caveat } from './caveat.ts';
import { stepView } from '../chains/chain-step.ts';
import { permissions } from '../spawn/spec.ts';
import { finalStatus } from '../status/status.ts';

/** Usage of model calls. Tokens are counted as the provider reports them. */
export const usage = z.object({
  inputTokens: z.number().int(),
  outputTokens: z.number().int(),
  cachedTokens: z.number().int(),
  modelRequests: z.number().int(),
  toolCalls: z.number().int(),
});

/** The result of a set-up or verification command. Verification runs on the commit that the outcome names. */
export const verification = z.object({
  command: z.string(),
  exitCode: z
    .number()
    .int()
    .nullable()
    .describe('null if a signal or a timeout ended the command, or if it could not be started'),
  durationMs: z.number().int(),
  outputTail: z.string().describe('the end of its output, stdout and stderr interleaved'),
  outputFile: z.string().optional().describe('path of the complete output, in the worker’s home'),
  problem: z
    .string()
    .optional()
    .describe('why there is no exit code: timed out, not found, killed by a signal'),
});

const commit = z.object({ sha: z.string(), subject: z.string() });

/** Work in a worktree that no commit of its branch contains. */
const unsaved = z.object({
  path: z.string().describe('relative to the root of the worktree; a folder ends in /'),
  reason: z.string().describe('why it is in no commit'),
});
export type Unsaved = z.infer<typeof unsaved>;

/** How much changed. */
export const diffStat = z.object({
  files: z.number().int(),
  insertions: z.number().int(),
  deletions: z.number().int(),
});

/** The state of the workspace after the last turn, measured by us and not reported by the subagent. */
export const evidence = z.object({
  cwd: z.string().describe('the worktree, or the checkout when in-place'),
  branch: z.string().nullable().describe('null if in-place on a detached HEAD'),
  base: z.string().describe('the commit it started from'),
  repository: z
    .string()
    .optional()
    .describe('the repository that has the branch, if the subagent was spawned from a URL'),
  head: z.string().describe('the commit that was verified'),
  commits: z.array(commit).describe('base..head, newest first, at most 50'),
  commitCount: z.number().int(),
  diffStat,
  filesChanged: z.array(z.string()).describe('paths, at most 100'),
  savedLeftovers: z
    .boolean()
    .describe('the subagent left uncommitted changes, which the worker committed to its branch'),
  uncommitted: z.array(z.string()).describe('in-place only: paths with uncommitted changes'),
  unsaved: z
    .array(unsaved)
    .optional()
    .describe('work in the worktree that is in no commit, at most 100 paths; it is lost with the worktree'),
  ignored: z
    .array(z.string())
    .optional()
    .describe('git-ignored files that appeared while the subagent worked, by top folder, at most 100'),
  touchedOutside: z
    .array(z.string())
    .optional()
    .describe(
      'what changed outside its worktree while it worked, caused by the subagent or by others: configuration, hooks, HEAD, branches, files of the checkout',
    ),
  sensitive: z
    .array(z.string())
    .describe('changed tests, CI files, package scripts: what a reviewer should look at first'),
});

/** The proof of death: the result of the sweep at the end of every subagent. */
export const sweepReport = z.object({
  found: z.number().int().describe('how many processes the subagent had left running'),
  ended: z.number().int(),
  left: z
    .array(z.object({ pid: z.number().int(), command: z.string() }))
    .describe('processes that are still alive after SIGKILL'),
  proof: z
    .enum(['proven', 'unproven'])
    .describe(
      'proven: a last scan of the process table found none; unproven: this is not Linux, or no scan saw every process',
    ),
  notChecked: z
    .array(z.string())
    .describe('kinds of processes that the scan cannot find, for example in containers'),
  commands: z.array(z.string()).describe('commands that were running, at most 10'),
  durationMs: z.number().int(),
});

/** The result of a push. */
const push = z.object({
  remote: z.string().describe('the URL'),
  ref: z.string().optional().describe('the branch at the remote, as refs/heads/…; absent if the push failed'),
  commit: z.string(),
  problem: z
    .string()
    .optional()
    .describe('why the push failed or was not tried; the work is still on the branch'),
});
export type Push = z.infer<typeof push>;

/** Whether the work of a subagent that a pool took from a checkout is in the store. */
const saved = z.object({
  store: z.string().describe('the id of the store'),
  commit: z.string().describe('the commit that was saved, or was to be saved'),
  hostQueue: z.string().describe('the host and user whose checkout it is for'),
  problem: z.string().optional().describe('why the work is not in the store: then it is only on the worker'),
});
export type Saved = z.infer<typeof saved>;

/** Why a model call failed, classified by what can be done about it. */
const turnFailureClass = z.enum([
  'credentials', // the login or key is refused
  'rate-limit', // too many requests, or a quota is used up
  'provider', // the provider fails
  'network', // the provider is not reached, or does not answer
  'context', // the conversation is too long for the model
  'request', // the provider refuses the request as it is
  'refusal', // the model, or a content filter, refuses to answer
  'copilot', // the Copilot runtime
  'disk', // the disk is full, or the subagent's folder is larger than the worker allows
]);
export type TurnFailureClass = z.infer<typeof turnFailureClass>;

/** What a turn waits for without a slot: a login or key, the end of a limit of its model, or disk space. */
export type WaitFor = 'credentials' | 'limit' | 'space';

/** Why a subagent failed. */
const failure = z.object({
  class: z.enum([
    'refused', // the workspace could not be made as requested
    'workspace', // git or the disk failed, or the folder became too large
    'setup', // a set-up command did not exit 0
    'model', // the model, its provider or the credentials
    'copilot', // the Copilot runtime
    'verification', // a command did not exit 0
    'output', // the final message is not the requested data
    'artifacts', // a required file is missing, or cannot be read as an artifact
    'push', // the branch could not be pushed
    'budget', // the tokens, turns or model requests are used up
    'worker', // the worker was given up, or died repeatedly
    'chain', // not all steps of a chain are done
    'internal', // an error of our own
  ]),
  cause: turnFailureClass.optional().describe('the kind of error that ended a failed turn'),
  message: z.string(),
  remedy: z.string().optional().describe('what to do now'),
});
export type Failure = z.infer<typeof failure>;

/** A tool call that the permissions of a subagent did not allow. */
const denial = z.object({
  tool: z.string(),
  what: z.string().describe('what the call was to do: a path, a command; text from a model, cut short'),
  count: z.number().int(),
});
export type Denial = z.infer<typeof denial>;

/** Durations in milliseconds. */
const durations = z.object({
  queuedMs: z.number().int(),
  workingMs: z.number().int(),
  verifyingMs: z.number().int(),
  totalMs: z.number().int(),
});

/** How a subagent ended, with evidence. */
export const outcome = z.object({
  status: finalStatus,
  label: z.string(),
  session: z.string(),
  run: z.number().int().describe('1 for the first subagent of this label'),
  summary: z.string(),
  report: z.string().describe('the final message of the subagent, in its own words'),
  reportChars: z
    .number()
    .int()
    .optional()
    .describe(
      'length of the whole final message in characters, if `report` is only its beginning; the transcript has all of it',
    ),
  output: z
    .unknown()
    .optional()
    .describe('of a step with `output`: the data of its report, valid against the schema'),
  artifacts: z
    .record(z.string(), z.string())
    .optional()
    .describe('of a done step with `artifacts`: the contents of these files, by path'),
  failure: failure.optional(),
  caveats: z
    .array(caveat)
    .default([])
    .describe('what a reader must know about its work, blocking ones first: “done, but: …”'),
  evidence: evidence.optional().describe('absent if no workspace was ever made'),
  setup: z.array(verification).optional().describe('the set-up commands, if there were any'),
  push: push.optional().describe('the push of the branch, if one was requested'),
  saved: saved
    .optional()
    .describe('of a checkout that went to a pool: the work in the store, from where it comes back'),
  verifications: z.array(verification),
  repairs: z.number().int().describe('turns that were spent on repairs after a failed verification'),
  turns: z.number().int(),
  worker: z.string().optional().describe('the id of the worker that ran it, and has its workspace'),
  model: z.string().optional(),
  usage,
  durations,
  sweep: sweepReport.optional(),
  permissions: permissions.optional().describe('what its tools were allowed to do'),
  denials: z
    .array(denial)
    .default([])
    .describe(
      'tool calls that its permissions denied; in a sandbox also what it refused (tool `network`, `files`) and commands that it ended (tool `memory`, `processes`, `disk`); at most 20 and one entry for all others',
    ),
  approvals: z
    .array(decidedApproval)
    .optional()
    .describe('tool calls that needed an approval, with the decisions, oldest first; at most the newest 100'),
  loaded: z
    .array(z.string())
    .default([])
    .describe(
      'with `trustRepo`: hooks, extensions, MCP servers, skills and agents that were loaded from the repository',
    ),
  steps: z.array(stepView).optional().describe('of a chain: the result of each step'),
  audit: z
    .array(auditEntry)
    .optional()
    .describe('who spawned, steered, answered and ended it: the first entry and the newest 99'),
  notes: z
    .array(z.string())
    .describe('what a reader must know: interrupted commands, lost attempts, leftovers'),
});
