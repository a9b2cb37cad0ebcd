import { drawChain } from '../../chain/draw.ts';
import type { SubagentDescription } from '../../client/index.ts';
import { kindsOf } from '../../contract/caveat.ts';
import { removedText } from '../../contract/cleaned.ts';
import { isFinal } from '../../contract/status.ts';
import { oneLine, stripControls } from '../../contract/text.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { ShowJson } from '../json.ts';
import type { Colors } from '../output.ts';
import { nextLines } from '../render/next.ts';
import { plural, usageText } from '../render/numbers.ts';
import { outcomeLines } from '../render/outcome.ts';
import { doingText, stateOf, stateSince, statusText } from '../render/status.ts';
import { age, moment } from '../render/time.ts';
import { receiptText } from './steer.ts';

/** `subagents show` */
export async function show(context: Context, target: string): Promise<number> {
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const description = await subagent.describe();
  context.output.data({ subagent: description } satisfies ShowJson);
  context.output.line(descriptionText(description, context));
  return EXIT.ok;
}

function descriptionText(it: SubagentDescription, context: Context): string {
  const { colors } = context.output;
  const now = Date.now();
  const name = context.targetName(it);
  const lines = [
    `${colors.bold(name)}${it.run > 1 ? ` (run ${it.run})` : ''}  ${statusText(stateOf({ ...it, caveats: kindsOf(it.outcome?.caveats ?? []) }), colors)}  ` +
      `${oneLine(it.outcome?.summary ?? doingText(it, it.doing), 400)}  ${colors.dim(`${age(stateSince(it) ?? it.since, now)}${isFinal(it.status) ? ' ago' : ''}`)}`,
    '',
    ...facts(it, colors, now),
  ];
  if (it.task !== undefined) lines.push('', colors.bold('Task'), ...indent(stripControls(it.task)));
  if (it.steps !== undefined)
    lines.push(
      '',
      colors.bold('Steps'),
      ...indent(drawChain(it.steps)),
      `  → each is a target: ${name}.<step>`,
    );
  if (it.questions.length > 0) {
    lines.push('', colors.bold('Questions'));
    for (const { id, question, choices } of it.questions) {
      lines.push(...indent(`${colors.dim(id)} ${stripControls(question)}`));
      if (choices !== undefined)
        lines.push(`    choices: ${choices.map((choice) => oneLine(choice, 100)).join(' | ')}`);
    }
    const which = it.questions.length > 1 ? ' -q <id>' : '';
    lines.push(`  → subagents answer ${name}${which} "<answer>"`);
  }
  if (it.steers.length > 0) {
    lines.push('', colors.bold('Steers'));
    for (const { message, receipt } of it.steers) {
      lines.push(
        `  ${oneLine(message, 300)}`,
        colors.dim(`    ${receipt === undefined ? 'not delivered yet' : receiptText(receipt)}`),
      );
    }
  }
  if (it.outcome !== undefined) lines.push(...outcomeLines(it.outcome, colors));
  // The notes of an outcome contain those of the workflow.
  const notes =
    it.outcome === undefined ? it.notes : it.notes.filter((note) => !it.outcome?.notes.includes(note));
  if (notes.length > 0)
    lines.push('', ...notes.map((note) => `${colors.yellow('!')} ${oneLine(note, 1_000)}`));
  if (it.outcome !== undefined) lines.push('', ...nextLines(it.outcome, name, colors, it.cleaned));
  return lines.join('\n');
}

function facts(it: SubagentDescription, colors: Colors, now: number): string[] {
  const rows: [string, string | undefined][] = [
    ['session', `${it.session}, ${plural(it.turns, 'turn')}`],
    ['started', `${moment(it.startedAt)}${it.endedAt === undefined ? '' : `, ended ${moment(it.endedAt)}`}`],
    ['doing', it.stalled === undefined || it.away !== undefined ? undefined : it.doing],
    ['repository', it.repo],
    ['branch', it.branch ?? undefined],
    ['folder', it.cwd],
    ['model', it.model],
    ['may', it.permissions === undefined || it.permissions === 'all' ? undefined : it.permissions],
    ['worker', it.workerId],
    ['cleaned', it.cleaned && `${moment(it.cleaned.at)}: ${removedText(it.cleaned)}`],
    ['last event', it.lastEventAt === undefined ? undefined : `${age(it.lastEventAt, now)} ago`],
    ['last said', it.lastMessage],
    ['used', it.outcome === undefined && it.usage !== undefined ? usageText(it.usage) : undefined],
    ['Web UI', it.url],
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
