import type { MergeReport } from '../../client/index.ts';
import { resolveRepository } from '../../git/repository.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { plural } from '../render/numbers.ts';

/** Flags of `merge`, as declared. */
export interface MergeFlags {
  readonly squash?: boolean | undefined;
  readonly message?: string | undefined;
  readonly force?: boolean | undefined;
}

/** `subagents merge` */
export async function mergeCommand(context: Context, target: string, flags: MergeFlags): Promise<number> {
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const report = await subagent.merge({ ...flags, cwd: process.cwd() });
  context.output.data(report);
  context.output.line(reportText(report, context, await isCurrentCheckout(report.checkout)));
  return EXIT.ok;
}

async function isCurrentCheckout(checkout: string): Promise<boolean> {
  return (await resolveRepository('.').catch(() => undefined)) === checkout;
}

function reportText(report: MergeReport, context: Context, there: boolean): string {
  const { colors } = context.output;
  const { how, into, checkout, merged, before, commit, diffStat } = report;
  const name = context.targetName(report);
  const branch = report.branch ?? merged.slice(0, 9);
  if (how === 'already-merged')
    return `${colors.green('nothing to merge')}: ${into}${there ? '' : `, in ${checkout},`} already contains ${branch}`;
  const { files, insertions, deletions } = diffStat;
  return [
    `${colors.green('merged')} ${colors.bold(branch)} into ${colors.bold(into)} (${how}): ` +
      `${plural(files, 'file')} (+${insertions} -${deletions})`,
    `  ${colors.dim('checkout')} ${checkout}`,
    `  ${colors.dim('commit  ')} ${before.slice(0, 9)} → ${commit.slice(0, 9)}`,
    `  ${colors.dim('next    ')} subagents clean ${name}`,
    `  ${colors.dim('undo    ')} git ${there ? '' : `-C ${checkout} `}reset --keep ${before.slice(0, 9)}`,
  ].join('\n');
}
