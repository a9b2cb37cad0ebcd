/** An activity that also tells what of its subagent went with a worker that stopped. */
import type { SubagentRef } from '../../contract/index.ts';
import { killedCommands, endOf, recordKilledCommandsTold, noteLiveAgain } from '../../home/run-record.ts';

/** `run`, whose first answer that takes notes gets one for each such command. */
export function withKilledCommandNotes<
  Input extends { readonly subagent: SubagentRef },
  Result extends object,
>(
  home: Parameters<typeof killedCommands>[0],
  run: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  return async (input) => {
    const commands = killedCommands(home, input.subagent);
    const result = await run(input);
    // An interrupted turn has no reader.
    if (commands.length === 0 || !takesNotes(result) || result.kind === 'interrupted') return result;
    recordKilledCommandsTold(home, input.subagent);
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
export function withResurrectionNote<Input extends { readonly subagent: SubagentRef }, Result extends object>(
  home: Parameters<typeof endOf>[0],
  run: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  return async (input) => {
    const endedAt = endOf(home, input.subagent);
    const result = await run(input);
    if (endedAt === undefined || !takesNotes(result) || result.kind === 'interrupted') return result;
    noteLiveAgain(home, input.subagent);
    const told = `it had ended before, at ${endedAt}: its server's database is an older copy, in which it is live, and it went on from there`;
    return { ...result, notes: [...result.notes, told] };
  };
}
