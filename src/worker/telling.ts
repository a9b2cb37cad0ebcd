/** An activity that also tells what of its subagent went with a worker that stopped. */
import type { SubagentRef } from '../contract/index.ts';
import { cutOffOf, noteCutOffTold } from '../home/run-record.ts';

/** `run`, whose first answer that takes notes gets one for each such command. */
export function tellingCutOff<Input extends { readonly subagent: SubagentRef }, Result extends object>(
  home: Parameters<typeof cutOffOf>[0],
  run: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  return async (input) => {
    const commands = cutOffOf(home, input.subagent);
    const result = await run(input);
    // Who hands a turn back has no reader.
    if (commands.length === 0 || !takesNotes(result) || result.kind === 'handed-back') return result;
    noteCutOffTold(home, input.subagent);
    const told = commands.map(
      (command) => `\`${command}\` was still running when its worker stopped, and was ended`,
    );
    return { ...result, notes: [...result.notes, ...told] };
  };
}

function takesNotes(result: object): result is { kind: string; notes: readonly string[] } {
  return 'notes' in result;
}
