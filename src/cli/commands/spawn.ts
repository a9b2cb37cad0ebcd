import type { Outcome, SpawnedSubagent, SpawnSpec, Subagents } from '../../client/index.ts';
import { validate } from '../../contract/check.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { spawnSpec } from '../../contract/spawn/spec.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { EXIT, exitCodeOfOutcomes } from '../exit.ts';
import { readText } from '../input.ts';
import type { SpawnJson } from '../json.ts';
import { workflowUrl } from '../../client/connection/links.ts';
import { endText } from '../render/outcome.ts';
import { fieldsOf, flagOf } from '../spawn-flags.ts';
import { sending } from '../sending.ts';
import { connectOrStart } from '../starting.ts';
import { acceptedText, waitForEnds, toSubagentEnd } from '../waiting.ts';

/** Flags of `spawn` besides those of `SPAWN_OPTIONS`, which `fieldsOf` reads. */
export interface SpawnFlags {
  readonly file?: string | undefined;
  readonly requestId?: string | undefined;
  readonly wait?: boolean | undefined;
}

/** `subagents spawn` */
export async function spawnCommand(
  context: Context,
  label: string,
  words: readonly string[],
  flags: SpawnFlags,
): Promise<number> {
  const spec = specOf(label, await readText('task', words, flags.file), flags);
  await using subagents = await connectOrStart(context);
  const session = subagents.session(context.session);
  const { requestId } = flags;
  const isToPool = (spec.pool ?? context.env['SUBAGENTS_POOL'] ?? '') !== '';
  const accepted = isToPool
    ? await sending(context, (options) => session.spawn(spec, { ...options, requestId }))
    : await session.spawn(spec, { requestId });
  if (accepted === undefined) {
    context.output.note('interrupted: nothing was spawned, and nothing that counts is in the store');
    return EXIT.interrupted;
  }
  if (flags.wait !== true) {
    context.output.data(answerJson(context, subagents, accepted, spec));
    context.output.line(answerText(context, subagents, accepted, spec));
    return EXIT.ok;
  }
  context.output.line(answerText(context, subagents, accepted, spec));
  const { ended, cut } = await waitForEnds(context, subagents, [accepted]);
  const [end] = ended;
  context.output.data(answerJson(context, subagents, accepted, spec, end?.outcome));
  if (cut !== undefined || end === undefined) return EXIT.interrupted;
  context.output.line(`\n${endText(end, context.targetName(end), context.output.colors)}`);
  return exitCodeOfOutcomes([toSubagentEnd(end)]);
}

/** The spec for the library, checked before a server may be started for it. */
function specOf(label: string, task: string, flags: SpawnFlags): SpawnSpec {
  const spec = { label, task, ...fieldsOf(flags) };
  const checked = validate(spawnSpec, spec);
  if (checked.success) return spec;
  const [issue] = checked.error.issues;
  const option = typeof issue?.path[0] === 'string' ? flagOf(issue.path[0]) : undefined;
  throw new SubagentsError(
    'BAD_INPUT',
    `${option === undefined ? '' : `${option}: `}${issue?.message ?? 'bad input'}`,
    {
      remedy: 'see `subagents spawn --help`',
      cause: checked.error,
    },
  );
}

const branchOf = (accepted: SpawnedSubagent, spec: SpawnSpec) =>
  spec.isolation === 'in-place' ? null : `subagents/${accepted.label}`;

/** A free name is chosen only when the worktree is made. For a later run, the plain name is usually taken. */
function branchText(branch: string | null, run: number): string {
  if (branch === null) return 'none: the subagent works in your checkout';
  return run === 1 ? branch : `${branch}, with the next free number if that name is taken`;
}

function answerJson(
  context: Context,
  subagents: Subagents,
  accepted: SpawnedSubagent,
  spec: SpawnSpec,
  outcome?: Outcome,
): SpawnJson {
  const { label, run, workflowId, runId, notes, repeated } = accepted;
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
      ...(repeated && { repeated }),
      ...(url !== undefined && { url }),
    },
    ...(outcome !== undefined && { outcome }),
  };
}

function answerText(
  context: Context,
  subagents: Subagents,
  accepted: SpawnedSubagent,
  spec: SpawnSpec,
): string {
  const { colors } = context.output;
  const { label, run, workflowId, runId, notes } = accepted;
  const name = context.targetName({ session: context.session, label });
  const branch = branchOf(accepted, spec);
  const url = workflowUrl(subagents.target, workflowId, runId);
  const row = (title: string, value: string) => `  ${colors.dim(title.padEnd(8))} ${value}`;
  return [
    `${colors.green(acceptedText(accepted))} ${colors.bold(name)}${run > 1 ? ` (run ${run})` : ''}`,
    row('branch', branchText(branch, run)),
    ...notes.map((note) => row('note', oneLine(note, 500))),
    ...(url === undefined ? [] : [row('Web UI', url)]),
    row('next', `subagents logs -f ${name}`),
    row('', `subagents wait ${name}`),
  ].join('\n');
}
