/** A set-up or verification command that has run, in the words of an outcome. */
import { MAX_OUTPUT_TAIL_CHARS, stripControls, tail, type Verification } from '../../src/contract/index.ts';
import type { CommandResult } from './command.ts';

/** The whole output of one command, in the home. */
export const MAX_OUTPUT_FILE_BYTES = 50 * 1024 * 1024;
/** Paths named in a sentence. */
const MAX_NAMED_PATHS = 10;
/** How the problem of a command begins that was ended for its time. */
export const TIMED_OUT = 'timed out';

/** What an outcome says of the command, and what else a reader must know of it. */
export function commandRecord(
  command: string,
  result: CommandResult,
  { timeoutMs, outputFile }: { readonly timeoutMs: number; readonly outputFile: string },
): { record: Verification; notes: string[] } {
  const problem = problemOf(result, timeoutMs);
  return {
    record: {
      command,
      exitCode: result.timedOut ? null : result.exitCode,
      durationMs: result.durationMs,
      outputTail: tail(stripControls(result.end).trimEnd(), MAX_OUTPUT_TAIL_CHARS),
      outputFile,
      ...(problem !== undefined && { problem }),
    },
    notes: [
      ...(result.fileProblem === undefined ? [] : [`\`${command}\`: ${result.fileProblem}`]),
      ...(result.leftProcesses ? [`\`${command}\` left processes running; they were ended`] : []),
    ],
  };
}

/** What an exit code alone does not tell. */
function problemOf({ exitCode, signal, timedOut }: CommandResult, timeoutMs: number): string | undefined {
  if (timedOut) return `${TIMED_OUT}: it had not ended after ${seconds(timeoutMs)}, and was ended`;
  if (signal !== null) return `killed by ${signal}`;
  if (exitCode === 127) return 'not found: the shell knows no such command';
  if (exitCode === 126) return 'not executable';
  if (exitCode === 137) return 'killed by SIGKILL, often for lack of memory';
  return undefined;
}

/** A duration for people. */
export function seconds(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** The first of some paths, quoted, and how many more there are. */
export function named(paths: readonly string[]): string {
  const more = paths.length > MAX_NAMED_PATHS ? ` and ${paths.length - MAX_NAMED_PATHS} more` : '';
  return (
    paths
      .slice(0, MAX_NAMED_PATHS)
      .map((path) => JSON.stringify(path))
      .join(', ') + more
  );
}
