/** An activity that also tells what of its subagent went with a worker that stopped. */
import type { SubagentRef } from '../contract/index.ts';
import { cutOffOf, endOf, noteCutOffTold, noteLiveAgain } from '../home/run-record.ts';

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

/**
 * `run`, a turn, whose first answer gets a note where the run had ended already: its server takes it for live, as one does whose
 * database was put back from an older copy.
 */
export function tellingEnd<Input extends { readonly subagent: SubagentRef }, Result extends object>(
  home: Parameters<typeof endOf>[0],
  run: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  return async (input) => {
    const endedAt = endOf(home, input.subagent);
    const result = await run(input);
    if (endedAt === undefined || !takesNotes(result) || result.kind === 'handed-back') return result;
    noteLiveAgain(home, input.subagent);
    const told = `it had ended before, at ${endedAt}: its server's database is an older copy, in which it is live, and it went on from there`;
    return { ...result, notes: [...result.notes, told] };
  };
}
