import type { KillReport, SubagentHandle, Subagents } from '../../client/index.ts';
import { SubagentsError } from '../../contract/errors.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { cliFailure, failureText } from '../failure.ts';
import type { KillJson } from '../json.ts';
import { plural } from '../render/numbers.ts';
import { sweepLines } from '../render/outcome.ts';

/** `subagents kill` */
export async function killCommand(
  context: Context,
  targets: readonly string[],
  options: { readonly all?: boolean | undefined; readonly force?: boolean | undefined },
): Promise<number> {
  if (options.all === true ? targets.length > 0 : targets.length === 0) {
    throw new SubagentsError('BAD_INPUT', 'kill takes either targets or --all', {
      remedy: 'subagents kill <target>…, or subagents kill --all for every live subagent of the session',
    });
  }
  await using subagents = await context.connect();
  const handles = options.all === true ? await allLive(subagents, context.session) : targets;
  if (handles.length === 0) context.output.line(`No live subagent in session ${context.session}.`);
  const kills = await Promise.all(
    handles.map(async (handle) => await killOne(context, subagents, handle, options)),
  );
  // Usually the same for all subagents, so each is printed once.
  const notChecked = new Set(
    kills.flatMap(({ json }) => ('report' in json ? (json.report.sweep?.notChecked ?? []) : [])),
  );
  if (notChecked.size > 0) context.output.line(`not checked: ${oneLine([...notChecked].join('; '), 400)}`);
  if (
    options.all === true &&
    options.force === true &&
    (await subagents.session(context.session).endIfFailing())
  )
    context.output.line(
      `The workflow of session ${context.session} failed at every attempt and was terminated; the next spawn starts a new session.`,
    );
  context.output.data({ kills: kills.map(({ json }) => json) } satisfies KillJson);
  return Math.max(EXIT.ok, ...kills.map(({ exitCode }) => exitCode));
}

async function allLive(subagents: Subagents, session: string): Promise<SubagentHandle[]> {
  const { live } = await subagents.session(session).list({ finished: 0, progress: false });
  return live.map(({ label, run }) => subagents.session(session).subagent(`${label}@${run}`));
}

/** Kills one subagent and prints the result at once, because the others may take longer. */
async function killOne(
  context: Context,
  subagents: Subagents,
  target: string | SubagentHandle,
  { force }: { readonly force?: boolean | undefined },
): Promise<{ exitCode: number; json: KillJson['kills'][number] }> {
  const { output } = context;
  const name = typeof target === 'string' ? target : target.target;
  try {
    const handle =
      typeof target === 'string' ? await subagents.find(target, { session: context.session }) : target;
    const report = await handle.kill({ force });
    output.line(reportText(context, report));
    const dead = (report.sweep?.left.length ?? 0) === 0;
    return { exitCode: dead ? EXIT.ok : EXIT.failed, json: { target: name, report } };
  } catch (error) {
    const failure = cliFailure(error);
    output.note(failureText(failure, output.noteColors, context.options.verbose === true).trimEnd());
    const { code, message, remedy } = failure;
    return {
      exitCode: failure.exitCode,
      json: { target: name, error: { code, message, ...(remedy && { remedy }) } },
    };
  }
}

function reportText(context: Context, report: KillReport): string {
  const { colors } = context.output;
  const name = colors.bold(context.targetName(report));
  const head =
    report.status === 'killed'
      ? `${colors.green('killed')} ${name}`
      : `${colors.yellow(report.status)} ${name}: ${report.status === 'lost' ? report.outcome.summary : 'the subagent ended by itself before the kill reached it'}`;
  const lines = [head];
  if (report.status === 'lost') lines.push(...report.outcome.notes.map((note) => `  ${oneLine(note, 300)}`));
  else if (report.sweep === undefined) lines.push('  the subagent had no worker yet, so it had no processes');
  else lines.push(...sweepLines({ ...report.sweep, notChecked: [] }).map((line) => `  ${line}`));
  const { evidence } = report.outcome;
  if (evidence?.branch != null && evidence.commitCount > 0) {
    lines.push(`  its work is on ${evidence.branch} (${plural(evidence.commitCount, 'commit')})`);
  }
  return lines.join('\n');
}
