import type { CleanedRun, CleanReport, Subagents } from '../../client/index.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { bytesText } from '../render/numbers.ts';

/** Flags of `clean`, as declared. */
export interface CleanFlags {
  readonly allSessions?: boolean | undefined;
  readonly repo?: string | undefined;
  readonly merged?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly force?: boolean | undefined;
}

/** `subagents clean` */
export async function cleanCommand(
  context: Context,
  targets: readonly string[],
  flags: CleanFlags,
): Promise<number> {
  if (targets.length > 0 && flags.allSessions === true) {
    throw new SubagentsError('BAD_INPUT', 'clean takes targets, or --all-sessions', {
      remedy: 'give one of the two',
    });
  }
  await using subagents = await context.connect();
  const report = await cleaned(context, subagents, targets, flags);
  const { output } = context;
  output.data(report);
  const affected = report.runs.filter(({ removed, kept }) => removed.length + kept.length > 0);
  for (const run of affected) output.line(runText(run, report.dryRun, context));
  if (affected.length === 0) output.line('There is nothing to clean.');
  else if (report.freedBytes > 0)
    output.line(`${report.dryRun ? 'would free' : 'freed'} ${bytesText(report.freedBytes)}`);
  if (affected.some(({ kept }) => kept.length > 0) && flags.force !== true)
    output.note('only --force removes what was kept; `subagents diff` shows it, `subagents merge` saves it');
  return EXIT.ok;
}

async function cleaned(
  { session }: Context,
  subagents: Subagents,
  targets: readonly string[],
  { allSessions, repo, merged, dryRun, force }: CleanFlags,
): Promise<CleanReport> {
  const options = { repo, merged, dryRun, force };
  if (targets.length > 0) return subagents.clean(targets, { ...options, session });
  return allSessions === true ? subagents.clean('all', options) : subagents.session(session).clean(options);
}

const WORDS: Readonly<Record<CleanedRun['removed'][number], string>> = {
  worktree: 'worktree',
  branch: 'branch',
  kept: 'files kept',
  copilot: 'Copilot state',
  outputs: 'outputs',
};

function runText(run: CleanedRun, dryRun: boolean, context: Context): string {
  const { colors } = context.output;
  const name = `${context.targetName(run)}${run.run > 1 ? `@${run.run}` : ''}`;
  const removed = run.removed.map((what) => WORDS[what]).join(', ');
  const kept = run.kept.map(
    ({ what, where, why }) =>
      `${colors.yellow('kept')} ${colors.bold(name)}: ${what === 'all' ? 'everything' : `${what === 'kept' ? 'files in' : what} ${oneLine(where, 200)}`}, because ${oneLine(why, 300)}`,
  );
  const gone =
    removed === '' ? [] : [`${dryRun ? 'would remove' : 'removed'} ${colors.bold(name)}: ${removed}`];
  return [...gone, ...kept].join('\n');
}
