import type { SpawnedSubagent, Subagents } from '../../client/index.ts';
import { CONTINUE_OPTIONS } from '../../contract/spawn/spawn-options.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { EXIT, exitCodeOfOutcomes } from '../exit.ts';
import { readText } from '../input.ts';
import type { ContinueJson } from '../json.ts';
import { workflowUrl } from '../../client/connection/links.ts';
import { endText } from '../render/outcome.ts';
import { fieldsOf } from '../spawn-flags.ts';
import { acceptedText, waitForEnds, toSubagentEnd } from '../waiting.ts';

/** Flags of `continue` besides those of `CONTINUE_OPTIONS`, which `fieldsOf` reads. */
export interface ContinueFlags {
  readonly file?: string | undefined;
  readonly requestId?: string | undefined;
  readonly wait?: boolean | undefined;
}

/** `subagents continue` */
export async function continueCommand(
  context: Context,
  target: string,
  words: readonly string[],
  { file, wait, requestId, ...flags }: ContinueFlags,
): Promise<number> {
  const task = await readText('task', words, file);
  await using subagents = await context.connect();
  const before = await subagents.find(target, { session: context.session });
  const { branch = null } = await before.describe();
  const accepted = await before.continue(task, fieldsOf(flags, CONTINUE_OPTIONS), { requestId });
  const { session } = before;
  const json: ContinueJson = {
    server: subagents.target,
    subagent: { session, ...identityOf(accepted), branch, ...urlOf(subagents, accepted) },
  };
  if (wait !== true) context.output.data(json);
  context.output.line(answerText(context, session, accepted, branch));
  if (wait !== true) return EXIT.ok;
  const { ended, cut } = await waitForEnds(context, subagents, [accepted]);
  const [end] = ended;
  context.output.data({ ...json, ...(end?.outcome && { outcome: end.outcome }) });
  if (cut !== undefined || end === undefined) return EXIT.interrupted;
  context.output.line(`\n${endText(end, context.targetName(end), context.output.colors)}`);
  return exitCodeOfOutcomes([toSubagentEnd(end)]);
}

const identityOf = ({ label, run, workflowId, runId, notes, repeated }: SpawnedSubagent) => ({
  label,
  run,
  workflowId,
  runId,
  notes,
  ...(repeated && { repeated }),
});

function urlOf({ target }: Subagents, { workflowId, runId }: SpawnedSubagent): { url?: string } {
  const url = workflowUrl(target, workflowId, runId);
  return url === undefined ? {} : { url };
}

function answerText(
  context: Context,
  session: string,
  accepted: SpawnedSubagent,
  branch: string | null,
): string {
  const { colors } = context.output;
  const name = context.targetName({ session, label: accepted.label });
  const row = (title: string, value: string) => `  ${colors.dim(title.padEnd(8))} ${value}`;
  return [
    `${colors.green(acceptedText(accepted))} ${colors.bold(name)} (run ${accepted.run})`,
    row('branch', branch ?? 'none: the subagent works in your checkout'),
    ...accepted.notes.map((note) => row('note', oneLine(note, 500))),
    row('next', `subagents logs -f ${name}`),
    row('', `subagents wait ${name}`),
  ].join('\n');
}
