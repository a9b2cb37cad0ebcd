import { CommanderError } from 'commander';
import { SubagentsError, type ErrorCode } from '../contract/errors.ts';
import { jsonLine, stripControls } from '../contract/text/text.ts';
import { systemFailure } from '../system/files.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import type { Colors } from './output.ts';

/** An error as the command line shows it. */
export interface CliFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string | undefined;
  readonly exitCode: number;
  readonly stack: string | undefined;
}

/**
 * Converts anything that was thrown.
 * @param command the command whose help a usage error names
 */
export function cliFailure(error: unknown, command?: string): CliFailure {
  if (error instanceof CommanderError) return usageFailure(error, command);
  const thrown = systemFailure(error) ?? error;
  if (thrown instanceof SubagentsError) {
    const { code, message, remedy } = thrown;
    return { code, message, remedy, exitCode: exitCodeOf(code), stack: stackOf(thrown) };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    code: 'INTERNAL',
    message: message === '' ? 'an unknown error without a message' : message,
    remedy: 'this is a bug of subagents: run the command again with --verbose, and report what it prints',
    exitCode: EXIT.failed,
    stack: stackOf(thrown),
  };
}

/** Converts commander's message, which is `error: what` and, on a second line, `(Did you mean x?)`. */
function usageFailure(thrown: CommanderError, command: string | undefined): CliFailure {
  const [first = '', ...rest] = thrown.message.replace(/^error: /, '').split('\n');
  const suggestion = /^\(Did you mean (.+)\?\)$/.exec(rest.join(' ').trim())?.[1];
  return {
    code: 'BAD_INPUT',
    message: first.replace(' is invalid. ', ' is invalid: '),
    remedy:
      suggestion === undefined
        ? `see \`subagents ${command === undefined ? 'help' : `${command} --help`}\``
        : `did you mean ${suggestion}?`,
    exitCode: EXIT.usage,
    stack: undefined,
  };
}

/** The stack of an error with those of its causes. */
function stackOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const cause = stackOf(thrown.cause);
  const own = thrown.stack ?? String(thrown);
  return cause === undefined ? own : `${own}\ncaused by ${cause}`;
}

/** The failure for people: the message, then the remedy. */
export function failureText(failure: CliFailure, colors: Colors, verbose: boolean): string {
  const lines = [`${colors.red('error:')} ${stripControls(failure.message)}`];
  if (failure.remedy !== undefined) {
    lines.push(
      ...stripControls(failure.remedy)
        .split('\n')
        .map((line) => `  ${colors.cyan('→')} ${line}`),
    );
  }
  if (verbose && failure.stack !== undefined) lines.push('', colors.dim(stripControls(failure.stack)));
  return `${lines.join('\n')}\n`;
}

/** The failure as one line of JSON. */
export function failureJsonLine({ code, message, remedy, stack }: CliFailure, verbose: boolean): string {
  const error = { code, message, ...(remedy && { remedy }), ...(verbose && stack && { stack }) };
  return `${jsonLine({ error })}\n`;
}
