import type { Accepted, Outcome, SpawnSpec, Subagents } from '../../client/index.ts';
import type { Budget } from '../../contract/bounds.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { spawnSpec } from '../../contract/spec.ts';
import { oneLine } from '../../contract/text.ts';
import type { Context } from '../context.ts';
import { EXIT, exitCodeOfOutcomes } from '../exit.ts';
import { readText } from '../input.ts';
import type { SpawnJson } from '../json.ts';
import { workflowUrl } from '../../client/links.ts';
import { endText } from '../render/outcome.ts';
import { connectOrStart } from '../starting.ts';
import { waitForEnds } from '../waiting.ts';

/** Flags of `spawn`, as declared. */
export interface SpawnFlags {
  readonly file?: string | undefined;
  readonly model?: string | undefined;
  readonly thinking?: string | undefined;
  readonly repo?: string | undefined;
  readonly base?: string | undefined;
  readonly inPlace?: boolean | undefined;
  readonly withChanges?: boolean | undefined;
  readonly push?: boolean | undefined;
  readonly setup?: readonly string[] | undefined;
  readonly verify?: readonly string[] | undefined;
  readonly permissions?: string | undefined;
  readonly trustRepo?: boolean | undefined;
  readonly env?: readonly string[] | undefined;
  readonly signing?: string | undefined;
  readonly timeout?: string | undefined;
  readonly stuckAfter?: string | undefined;
  readonly onStuck?: string | undefined;
  readonly hungAfter?: string | undefined;
  readonly answerTimeout?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly maxTurns?: number | undefined;
  readonly maxRequests?: number | undefined;
  readonly wait?: boolean | undefined;
}

/** `subagents spawn` */
export async function spawn(
  context: Context,
  label: string,
  words: readonly string[],
  flags: SpawnFlags,
): Promise<number> {
  const spec = specOf(label, await readText('task', words, flags.file), flags);
  await using subagents = await connectOrStart(context);
  const session = subagents.session(context.session);
  const accepted = await session.spawn(spec);
  const subagent = session.subagent(`${accepted.label}@${accepted.run}`);
  if (flags.wait !== true) {
    context.output.data(answerJson(context, subagents, accepted, spec));
    context.output.line(answerText(context, subagents, accepted, spec));
    return EXIT.ok;
  }
  context.output.line(answerText(context, subagents, accepted, spec));
  const { ended, cut } = await waitForEnds(context, subagents, [subagent]);
  const [end] = ended;
  context.output.data(answerJson(context, subagents, accepted, spec, end?.outcome));
  if (cut !== undefined || end === undefined) return EXIT.interrupted;
  context.output.line(`\n${endText(end, context.targetName(end), context.output.colors)}`);
  return exitCodeOfOutcomes([end.status]);
}

/** The spec as the library takes it, checked before anything is started for it. */
function specOf(label: string, task: string, flags: SpawnFlags): SpawnSpec {
  const spec = Object.fromEntries(
    Object.entries({
      label,
      task,
      model: flags.model,
      thinking: flags.thinking,
      repo: flags.repo,
      base: flags.base,
      isolation: flags.inPlace === true ? 'in-place' : undefined,
      withChanges: flags.withChanges,
      push: flags.push,
      setup: flags.setup,
      verify: flags.verify,
      permissions: flags.permissions,
      trustRepo: flags.trustRepo,
      env: flags.env,
      signing: flags.signing,
      timeout: flags.timeout,
      stuckAfter: flags.stuckAfter,
      onStuck: flags.onStuck,
      hungAfter: flags.hungAfter,
      answerTimeout: flags.answerTimeout,
      budget: budgetOf(flags),
    }).filter(([, value]) => value !== undefined),
  );
  const checked = spawnSpec.safeParse(spec);
  if (checked.success) return spec as SpawnSpec;
  const [issue] = checked.error.issues;
  const option = typeof issue?.path[0] === 'string' ? OPTIONS[issue.path[0]] : undefined;
  throw new SubagentsError(
    'BAD_INPUT',
    `${option === undefined ? '' : `${option}: `}${issue?.message ?? 'bad input'}`,
    {
      remedy: 'see `subagents spawn --help`',
      cause: checked.error,
    },
  );
}

function budgetOf({ maxTokens, maxTurns, maxRequests }: SpawnFlags): Budget | undefined {
  const bounds = { tokens: maxTokens, turns: maxTurns, modelRequests: maxRequests };
  const given = Object.entries(bounds).filter(([, bound]) => bound !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** What the fields of a spec are called on the command line, where the schema's message does not say it. */
const OPTIONS: Readonly<Record<string, string>> = {
  model: '--model',
  thinking: '--thinking',
  repo: '--repo',
  base: '--base',
  setup: '--setup',
  verify: '--verify',
  permissions: '--permissions',
  env: '--env',
  signing: '--signing',
  timeout: '--timeout',
  stuckAfter: '--stuck-after',
  onStuck: '--on-stuck',
  hungAfter: '--hung-after',
  answerTimeout: '--answer-timeout',
  budget: '--max-…',
};

const branchOf = (accepted: Accepted, spec: SpawnSpec) =>
  spec.isolation === 'in-place' ? null : `subagents/${accepted.label}`;

/** Which name is free shows when the worktree is made: that of an earlier run mostly is not. */
function branchText(branch: string | null, run: number): string {
  if (branch === null) return 'none: it works in your checkout';
  return run === 1 ? branch : `${branch}, with the next free number where that is taken`;
}

function answerJson(
  context: Context,
  subagents: Subagents,
  accepted: Accepted,
  spec: SpawnSpec,
  outcome?: Outcome,
): SpawnJson {
  const { label, run, workflowId, runId, notes } = accepted;
  const url = workflowUrl(subagents.target, workflowId, runId);
  return {
    server: subagents.target,
    subagent: {
      session: context.session,
      label,
      run,
      workflowId,
      runId,
      branch: branchOf(accepted, spec),
      notes,
      ...(url !== undefined && { url }),
    },
    ...(outcome !== undefined && { outcome }),
  };
}

function answerText(context: Context, subagents: Subagents, accepted: Accepted, spec: SpawnSpec): string {
  const { colors } = context.output;
  const { label, run, workflowId, runId, notes } = accepted;
  const name = context.targetName({ session: context.session, label });
  const branch = branchOf(accepted, spec);
  const url = workflowUrl(subagents.target, workflowId, runId);
  const row = (title: string, value: string) => `  ${colors.dim(title.padEnd(8))} ${value}`;
  return [
    `${colors.green('accepted')} ${colors.bold(name)}${run > 1 ? ` (run ${run})` : ''}`,
    row('branch', branchText(branch, run)),
    ...notes.map((note) => row('note', oneLine(note, 500))),
    ...(url === undefined ? [] : [row('Web UI', url)]),
    row('next', `subagents logs -f ${name}`),
    row('', `subagents wait ${name}`),
  ].join('\n');
}
