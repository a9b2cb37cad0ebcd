import { drawChain } from '../../chain/draw.ts';
import type { SubagentDescription } from '../../client/index.ts';
import { kindsOf } from '../../contract/outcome/caveat.ts';
import { removedText } from '../../contract/outcome/cleaned.ts';
import { isFinal } from '../../contract/status/status.ts';
import { oneLine, stripControls } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { ShowJson } from '../json.ts';
import type { Colors } from '../output.ts';
import { approvalLines } from '../render/approvals.ts';
import { nextLines } from '../render/next.ts';
import { plural, usageText } from '../render/numbers.ts';
import { outcomeLines } from '../render/outcome.ts';
import { doingText, stateOf, stateSince, statusText } from '../render/status.ts';
import { age, localTime } from '../render/time.ts';
import { receiptText } from './steer.ts';

/** `subagents show` */
export async function showCommand(context: Context, target: string): Promise<number> {
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const description = await subagent.describe();
  context.output.data({ subagent: description } satisfies ShowJson);
  context.output.line(descriptionText(description, context));
  return EXIT.ok;
}

function descriptionText(subagent: SubagentDescription, context: Context): string {
  const { colors } = context.output;
  const now = Date.now();
  const name = context.targetName(subagent);
  const lines = [
    `${colors.bold(name)}${subagent.run > 1 ? ` (run ${subagent.run})` : ''}  ${statusText(stateOf({ ...subagent, caveats: kindsOf(subagent.outcome?.caveats ?? []) }), colors)}  ` +
      `${oneLine(subagent.outcome?.summary ?? doingText(subagent, subagent.doing), 400)}  ${colors.dim(`${age(stateSince(subagent) ?? subagent.since, now)}${isFinal(subagent.status) ? ' ago' : ''}`)}`,
    '',
    ...facts(subagent, colors, now),
  ];
  if (subagent.task !== undefined)
    lines.push('', colors.bold('Task'), ...indent(stripControls(subagent.task)));
  if (subagent.steps !== undefined)
    lines.push(
      '',
      colors.bold('Steps'),
      ...indent(drawChain(subagent.steps)),
      `  → each step is a target: ${name}.<step>`,
    );
  if (subagent.questions.length > 0) {
    lines.push('', colors.bold('Questions'));
    for (const { id, question, choices } of subagent.questions) {
      lines.push(...indent(`${colors.dim(id)} ${stripControls(question)}`));
      if (choices !== undefined)
        lines.push(`    choices: ${choices.map((choice) => oneLine(choice, 100)).join(' | ')}`);
    }
    const which = subagent.questions.length > 1 ? ' -q <id>' : '';
    lines.push(`  → subagents answer ${name}${which} "<answer>"`);
  }
  if (subagent.approvals.length > 0) {
    lines.push('', colors.bold('Waits for approval'));
    for (const approval of subagent.approvals) lines.push(...approvalLines(approval, name, colors));
  }
  if (subagent.steers.length > 0) {
    lines.push('', colors.bold('Steers'));
    for (const { message, receipt } of subagent.steers) {
      lines.push(
        `  ${oneLine(message, 300)}`,
        colors.dim(`    ${receipt === undefined ? 'not delivered yet' : receiptText(receipt)}`),
      );
    }
  }
  if (subagent.outcome !== undefined) lines.push(...outcomeLines(subagent.outcome, colors));
  // The notes of an outcome contain those of the workflow.
  const notes =
    subagent.outcome === undefined
      ? subagent.notes
      : subagent.notes.filter((note) => !subagent.outcome?.notes.includes(note));
  if (notes.length > 0)
    lines.push('', ...notes.map((note) => `${colors.yellow('!')} ${oneLine(note, 1_000)}`));
  if (subagent.outcome !== undefined)
    lines.push('', ...nextLines(subagent.outcome, name, colors, subagent.cleaned));
  return lines.join('\n');
}

function facts(subagent: SubagentDescription, colors: Colors, now: number): string[] {
  const rows: [string, string | undefined][] = [
    ['session', `${subagent.session}, ${plural(subagent.turns, 'turn')}`],
    [
      'started',
      `${localTime(subagent.startedAt)}${subagent.endedAt === undefined ? '' : `, ended ${localTime(subagent.endedAt)}`}`,
    ],
    ['by', subagent.audit[0]?.by],
    ['doing', subagent.stalled === undefined || subagent.away !== undefined ? undefined : subagent.doing],
    ['repository', subagent.repo],
    ['branch', subagent.branch ?? undefined],
    ['folder', subagent.cwd],
    ['model', subagent.model],
    [
      'may',
      subagent.permissions === undefined || subagent.permissions === 'all' ? undefined : subagent.permissions,
    ],
    ['worker', subagent.workerId],
    ['cleaned', subagent.cleaned && `${localTime(subagent.cleaned.at)}: ${removedText(subagent.cleaned)}`],
    ['last event', subagent.lastEventAt === undefined ? undefined : `${age(subagent.lastEventAt, now)} ago`],
    ['last said', subagent.lastMessage],
    [
      'used',
      subagent.outcome === undefined && subagent.usage !== undefined ? usageText(subagent.usage) : undefined,
    ],
    ['Web UI', subagent.url],
  ];
  return rows.flatMap(([title, value]) =>
    value === undefined ? [] : [`  ${colors.dim(title.padEnd(10))} ${oneLine(value, 600)}`],
  );
}

const indent = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => `  ${line}`);
