import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { showPaged } from '../pager.ts';
import { diffLines } from '../render/diff.ts';

/** Maximum size of a printed diff, in bytes: more than anybody reads. */
const MAX_BYTES = 64 * 1024 * 1024;

/** `subagents diff` */
export async function diffCommand(
  context: Context,
  target: string,
  options: { readonly stat?: boolean | undefined; readonly pager: boolean },
): Promise<number> {
  const { output } = context;
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const stat = options.stat === true;
  const width = Number.isFinite(output.width) ? output.width : undefined;
  const found = await subagent.diff({ stat, width, ...(!output.json && { maxBytes: MAX_BYTES }) });
  output.data(found);
  if (output.json) return EXIT.ok;
  for (const note of found.notes) output.note(output.noteColors.yellow(`! ${note}`));
  if (found.text === '') output.note(`${context.targetName(found)} has no changes`);
  const text = diffLines(found.text, { stat, colors: output.colors });
  if (!(output.interactive && options.pager && (await showPaged(text, context.env))))
    output.line(text.replace(/\n$/, ''));
  if (found.truncated)
    output.note(`the diff is cut here; to see all of it: git -C ${found.repository} diff ${found.base}`);
  return EXIT.ok;
}
