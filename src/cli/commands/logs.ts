import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { transcriptRemoved } from '../../contract/outcome/cleaned.ts';
import { transcriptEntryText } from '../render/transcript.ts';

/** `subagents logs` */
export async function logsCommand(
  context: Context,
  target: string,
  options: { readonly follow?: boolean | undefined; readonly reasoning?: boolean | undefined },
): Promise<number> {
  await using subagents = await context.connect();
  const subagent = await subagents.find(target, { session: context.session });
  const { output } = context;
  const signal = context.interrupt;
  const follow = options.follow === true;
  let entries = 0;
  for await (const entry of subagent.transcript({ follow, signal })) {
    entries += 1;
    output.data(entry);
    if (entry.kind !== 'reasoning' || options.reasoning === true)
      output.line(transcriptEntryText(entry, output.colors));
  }
  if (entries === 0 && !signal.aborted)
    output.note(transcriptRemoved((await subagent.describe()).cleaned) ?? 'the transcript is empty so far');
  return signal.aborted ? EXIT.interrupted : EXIT.ok;
}
