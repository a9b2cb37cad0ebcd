/** Describes a finished set-up or verification command for an outcome. */
import { MAX_OUTPUT_TAIL_CHARS, stripControls, tail, type Verification } from '../../src/contract/index.ts';
import type { CommandResult } from './command.ts';

/** Maximum size of the file with a command's whole output. */
export const MAX_OUTPUT_FILE_BYTES = 50 * 1024 * 1024;
/** Maximum number of paths that a sentence lists. */
const MAX_NAMED_PATHS = 10;
/** Prefix of the problem of a command that exceeded its time limit. */
export const TIMED_OUT = 'timed out';

/** Returns the record of the command for the outcome, and notes about it. */
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
      ...(result.leftProcesses ? [`\`${command}\` left processes running; they were killed`] : []),
    ],
  };
}

/** Explains results that an exit code alone does not explain. */
function problemOf({ exitCode, signal, timedOut }: CommandResult, timeoutMs: number): string | undefined {
  if (timedOut) return `${TIMED_OUT}: it still ran after ${secondsText(timeoutMs)} and was killed`;
  if (signal !== null) return `killed by ${signal}`;
  if (exitCode === 127) return 'not found: the shell has no such command';
  if (exitCode === 126) return 'not executable';
  if (exitCode === 137) return 'killed by SIGKILL, often for lack of memory';
  return undefined;
}

/** Formats a duration for people. */
export function secondsText(ms: number): string {
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** Lists the first paths, quoted, and the number of further ones. */
export function quotedPaths(paths: readonly string[]): string {
  const more = paths.length > MAX_NAMED_PATHS ? ` and ${paths.length - MAX_NAMED_PATHS} more` : '';
  return (
    paths
      .slice(0, MAX_NAMED_PATHS)
      .map((path) => JSON.stringify(path))
      .join(', ') + more
  );
}
