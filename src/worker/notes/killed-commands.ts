/** Notes for the outcome about what a worker restart killed, or about a run that had already ended. */
import type { SubagentRef } from '../../contract/index.ts';
import {
  killedCommands,
  runEndedAt,
  recordKilledCommandsReported,
  recordRunLiveAgain,
} from '../../home/run-record.ts';

/**
 * `run`, with a note for each background command that a worker restart killed, added to its first result that has
 * notes.
 */
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
    // The result of an interrupted turn is not read.
    if (commands.length === 0 || !hasNotes(result) || result.kind === 'interrupted') return result;
    recordKilledCommandsReported(home, input.subagent);
    const added = commands.map(
      (command) => `\`${command}\` was still running when its worker stopped, and was killed`,
    );
    return { ...result, notes: [...result.notes, ...added] };
  };
}

function hasNotes(result: object): result is { kind: string; notes: readonly string[] } {
  return 'notes' in result;
}

/**
 * `run`, a turn, with a note on its first result if the run had already ended: its server considers it live, for
 * example because its database was restored from an older copy.
 */
export function withRevivedRunNote<Input extends { readonly subagent: SubagentRef }, Result extends object>(
  home: Parameters<typeof runEndedAt>[0],
  run: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  return async (input) => {
    const endedAt = runEndedAt(home, input.subagent);
    const result = await run(input);
    if (endedAt === undefined || !hasNotes(result) || result.kind === 'interrupted') return result;
    recordRunLiveAgain(home, input.subagent);
    const note = `the subagent had already ended at ${endedAt}; the server's database was replaced by an older copy, in which it was live, so it went on from there`;
    return { ...result, notes: [...result.notes, note] };
  };
}
