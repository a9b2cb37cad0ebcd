import { oneLine } from '../../contract/text/text.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { readText } from '../input.ts';
import type { AnswerJson } from '../json.ts';

/** `subagents answer` */
export async function answerCommand(
  context: Context,
  target: string,
  words: readonly string[],
  {
    question,
    requestId,
  }: { readonly question?: string | undefined; readonly requestId?: string | undefined },
): Promise<number> {
  const text = await readText('answer', words, undefined);
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const receipt = await subagent.answer(text, { questionId: question, requestId });
  const { session, label, run } = await subagent.identity();
  context.output.data({ session, label, run, answered: true, ...receipt } satisfies AnswerJson);
  const { colors } = context.output;
  const name = context.targetName({ session, label });
  const again = receipt.repeated ? ' (the question already had this answer)' : '';
  context.output.line(`${colors.green('answered')} ${colors.bold(name)}${again}: ${questionText(receipt)}`);
  if (receipt.open.length > 0) context.output.line('  still open:');
  for (const { id, ...words } of receipt.open)
    context.output.line(`  ${questionText(words)}\n    → subagents answer ${name} -q ${id} "<answer>"`);
  return EXIT.ok;
}

const questionText = ({ question }: { readonly question: string }): string => oneLine(question, 300);
