import type { ChainSpec, SpawnedSubagent, Subagents } from '../../client/index.ts';
import { workflowUrl } from '../../client/connection/links.ts';
import { isReadyMade, readyMadeChain } from '../../client/chains/ready-made.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { oneLine } from '../../contract/text/text.ts';
import { stepLabel } from '../../contract/chains/chain.ts';
import type { Context } from '../context.ts';
import { chainFileName, readChainFile, readInput } from '../chain-file.ts';
import { EXIT, exitCodeOfOutcomes } from '../exit.ts';
import type { ChainRunJson } from '../json.ts';
import { endText } from '../render/outcome.ts';
import { connectOrStart } from '../starting.ts';
import { acceptedText, waitForEnds, toSubagentEnd } from '../waiting.ts';

/** Flags of `chain run`, as declared. */
export interface ChainFlags {
  readonly param?: readonly string[] | undefined;
  readonly label?: string | undefined;
  readonly requestId?: string | undefined;
  readonly wait?: boolean | undefined;
}

/** `subagents chain run`. @param chain the name of a ready-made chain, or a file */
export async function chainRunCommand(context: Context, chain: string, flags: ChainFlags): Promise<number> {
  const values = await paramsOf(flags.param ?? []);
  if (isReadyMade(chain)) {
    const spec = await readyMadeChain(chain, values, { label: flags.label });
    return await startAndPrint(context, spec, {}, flags);
  }
  const { spec, problems } = await readChainFile(chain);
  if (spec === undefined) {
    const [first] = problems;
    throw new SubagentsError(
      'BAD_INPUT',
      `${chainFileName(chain)}:${first?.line}:${first?.column}: ${first?.message}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}`,
      {
        remedy: `to see every problem: \`subagents chain check ${chain}\`${chain === '-' ? ', given the same input' : ''}`,
      },
    );
  }
  const labelled = flags.label === undefined ? spec : { ...spec, label: flags.label };
  return await startAndPrint(context, labelled, values, flags);
}

/** Starts a chain and prints it; with `wait`, also prints how the chain ended. @returns the exit code */
export async function startAndPrint(
  context: Context,
  spec: ChainSpec,
  params: Readonly<Record<string, string>>,
  { wait = false, requestId }: Pick<ChainFlags, 'wait' | 'requestId'>,
): Promise<number> {
  await using subagents = await connectOrStart(context);
  const session = subagents.session(context.session);
  const accepted = await session.chain(spec, { params, requestId });
  if (!wait) context.output.data(answerJson(context, subagents, accepted, spec));
  context.output.line(answerText(context, subagents, accepted, spec));
  if (!wait) return EXIT.ok;
  const { ended, cut } = await waitForEnds(context, subagents, [accepted]);
  const [end] = ended;
  context.output.data({
    ...answerJson(context, subagents, accepted, spec),
    ...(end?.outcome && { outcome: end.outcome }),
  });
  if (cut !== undefined || end === undefined) return EXIT.interrupted;
  context.output.line(`\n${endText(end, context.targetName(end), context.output.colors)}`);
  return exitCodeOfOutcomes([toSubagentEnd(end)]);
}

/** `subagents chain retry` */
export async function chainRetryCommand(
  context: Context,
  target: string,
  { from, requestId }: { readonly from?: string | undefined } & Pick<ChainFlags, 'requestId'>,
): Promise<number> {
  await using subagents = await context.connect();
  const found = await (await subagents.find(target, { session: context.session })).identity();
  const { session, label } = found;
  const accepted = await subagents.session(session).retryChain(`${label}@${found.run}`, { from, requestId });
  const { run, workflowId, runId, notes, repeated } = accepted;
  const url = workflowUrl(subagents.target, workflowId, runId);
  context.output.data({
    server: subagents.target,
    chain: {
      session,
      label,
      run,
      workflowId,
      runId,
      notes,
      steps: [],
      ...(repeated && { repeated }),
      ...(url && { url }),
    },
  } satisfies ChainRunJson);
  const name = context.targetName({ session, label });
  context.output.line(
    `${context.output.colors.green(acceptedText(accepted))} ${name} (run ${run})\n  next     subagents show ${name}`,
  );
  return EXIT.ok;
}

/** Parses parameters: `name=value`, or `name=@file`. @throws SubagentsError BAD_INPUT */
async function paramsOf(given: readonly string[]): Promise<Record<string, string>> {
  const pairs = given.map(async (text): Promise<[string, string]> => {
    const equals = text.indexOf('=');
    if (equals < 1) {
      throw new SubagentsError('BAD_INPUT', `--param ${oneLine(text, 80)}: there is no "="`, {
        remedy: 'write it like --param task="Add a limit", or --param diff=@changes.diff',
      });
    }
    const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
    return [name, value.startsWith('@') ? await readInput(`the parameter ${name}`, value.slice(1)) : value];
  });
  return Object.fromEntries(await Promise.all(pairs));
}

function answerJson(
  context: Context,
  subagents: Subagents,
  { label, run, workflowId, runId, notes, repeated }: SpawnedSubagent,
  spec: ChainSpec,
): ChainRunJson {
  const url = workflowUrl(subagents.target, workflowId, runId);
  return {
    server: subagents.target,
    chain: {
      session: context.session,
      label,
      run,
      workflowId,
      runId,
      notes: [...notes],
      steps: spec.steps.map(({ id }) => stepLabel(label, id)),
      ...(repeated && { repeated }),
      ...(url !== undefined && { url }),
    },
  };
}

function answerText(
  context: Context,
  subagents: Subagents,
  accepted: SpawnedSubagent,
  spec: ChainSpec,
): string {
  const { label, run, workflowId, runId, notes } = accepted;
  const { colors } = context.output;
  const name = context.targetName({ session: context.session, label });
  const url = workflowUrl(subagents.target, workflowId, runId);
  const row = (title: string, value: string) => `  ${colors.dim(title.padEnd(8))} ${value}`;
  return [
    `${colors.green(acceptedText(accepted))} ${colors.bold(name)}${run > 1 ? ` (run ${run})` : ''}`,
    row('steps', oneLine(spec.steps.map(({ id }) => `${name}.${id}`).join(', '), 400)),
    ...notes.map((note) => row('note', oneLine(note, 500))),
    ...(url === undefined ? [] : [row('Web UI', url)]),
    row('next', `subagents show ${name}`),
    row('', `subagents wait ${name}`),
  ].join('\n');
}
