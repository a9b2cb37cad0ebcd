import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { readText } from '../input.ts';
import type { AnswerJson } from '../json.ts';

/** `subagents answer` */
export async function answer(
  context: Context,
  target: string,
  words: readonly string[],
  options: { readonly question?: string | undefined },
): Promise<number> {
  const text = await readText('answer', words, undefined);
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  await subagent.answer(text, { questionId: options.question });
  const { session, label, run } = await subagent.identity();
  context.output.data({ session, label, run, answered: true } satisfies AnswerJson);
  const { colors } = context.output;
  context.output.line(`${colors.green('answered')} ${colors.bold(context.targetName({ session, label }))}`);
  return EXIT.ok;
}
