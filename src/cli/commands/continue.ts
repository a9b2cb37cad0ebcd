import type { Accepted, Subagents } from '../../client/index.ts';
import { oneLine } from '../../contract/text.ts';
import type { Context } from '../context.ts';
import { EXIT, exitCodeOfOutcomes } from '../exit.ts';
import { readText } from '../input.ts';
import type { ContinueJson } from '../json.ts';
import { workflowUrl } from '../../client/links.ts';
import { endText } from '../render/outcome.ts';
import { waitForEnds } from '../waiting.ts';

/** Flags of `continue`, as declared. */
export interface ContinueFlags {
  readonly file?: string | undefined;
  readonly model?: string | undefined;
  readonly thinking?: string | undefined;
  readonly verify?: readonly string[] | undefined;
  readonly permissions?: string | undefined;
  readonly trustRepo?: boolean | undefined;
  readonly timeout?: string | undefined;
  readonly stuckAfter?: string | undefined;
  readonly wait?: boolean | undefined;
}

/** `subagents continue` */
export async function continueSubagent(
  context: Context,
  target: string,
  words: readonly string[],
  { file, wait, ...flags }: ContinueFlags,
): Promise<number> {
  const task = await readText('task', words, file);
  await using subagents = await context.connect();
  const before = await subagents.find(target, { session: context.session });
  const { branch = null } = await before.describe();
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  const accepted = await before.continue(task, Object.fromEntries(given));
  const { session } = before;
  const json: ContinueJson = {
    server: subagents.target,
    subagent: { session, ...identityOf(accepted), branch, ...urlOf(subagents, accepted) },
  };
  if (wait !== true) context.output.data(json);
  context.output.line(answerText(context, session, accepted, branch));
  if (wait !== true) return EXIT.ok;
  const subagent = subagents.session(session).subagent(`${accepted.label}@${accepted.run}`);
  const { ended, cut } = await waitForEnds(context, subagents, [subagent]);
  const [end] = ended;
  context.output.data({ ...json, ...(end?.outcome && { outcome: end.outcome }) });
  if (cut !== undefined || end === undefined) return EXIT.interrupted;
  context.output.line(`\n${endText(end, context.targetName(end), context.output.colors)}`);
  return exitCodeOfOutcomes([end.status]);
}

const identityOf = ({ label, run, workflowId, runId, notes }: Accepted) => ({
  ...{ label, run, workflowId, runId, notes },
});

function urlOf({ target }: Subagents, { workflowId, runId }: Accepted): { url?: string } {
  const url = workflowUrl(target, workflowId, runId);
  return url === undefined ? {} : { url };
}

function answerText(context: Context, session: string, accepted: Accepted, branch: string | null): string {
  const { colors } = context.output;
  const name = context.targetName({ session, label: accepted.label });
  const row = (title: string, value: string) => `  ${colors.dim(title.padEnd(8))} ${value}`;
  return [
    `${colors.green('accepted')} ${colors.bold(name)} (run ${accepted.run})`,
    row('branch', branch ?? 'none: it works in your checkout'),
    ...accepted.notes.map((note) => row('note', oneLine(note, 500))),
    row('next', `subagents logs -f ${name}`),
    row('', `subagents wait ${name}`),
  ].join('\n');
}
