import { Command } from '@commander-js/extra-typings';
import { Context } from './context.ts';
import { declareChaining } from './declare/chaining.ts';
import { declareDelegating } from './declare/delegating.ts';
import { declareMerging } from './declare/merging.ts';
import { declareReading } from './declare/reading.ts';
import { declareRunning } from './declare/running.ts';
import { EXIT_HELP } from './exit.ts';
import { wantsColor } from './output.ts';

const EXAMPLES = `Examples:
  subagents spawn fix-login "The login test fails. Fix it." --verify "npm test"
  subagents steer fix-login "Leave the session cookie alone."
  subagents wait --all

Targets are a label, session/label, label@2 for an earlier run, a unique prefix,
a workflow id, or "last".`;

function newProgram(version: string) {
  return new Command('subagents')
    .description('Durable subagents: hand long coding tasks to GitHub Copilot CLI, and stay free.')
    .version(version)
    .option('--home <folder>', 'home folder (default: SUBAGENTS_HOME, else ~/.subagents)')
    .option('--profile <name>', 'profile of the Temporal configuration file')
    .option('--address <host:port>', 'Temporal server (default: TEMPORAL_ADDRESS, else the running "up")')
    .option('--namespace <name>', 'Temporal namespace')
    .option(
      '-s, --session <name>',
      'session that labels belong to (default: SUBAGENTS_SESSION, else "default")',
    )
    .option('--json', 'print JSON for programs')
    .option('--no-color', 'no colour (also: NO_COLOR)')
    .option('--verbose', 'print stacks with errors');
}
/** The command line as declared, with the types of its global options. */
export type CommandLine = ReturnType<typeof newProgram>;

/** Runs a command with its context. The command returns its exit code. */
export type Start = (command: (context: Context) => Promise<number>) => Promise<void>;

/**
 * Declares the command line: names, arguments and options. A command's implementation is loaded when the command is
 * called.
 * @param version the output of `--version`
 * @param onExitCode called with the exit code of a command that has completed
 * @param onText called with requested text (help, the version), which is then not printed
 */
export function buildProgram(
  version: string,
  onExitCode: (code: number) => void,
  onText?: (text: string) => void,
): CommandLine {
  const program = newProgram(version);
  const start: Start = async (command) => {
    onExitCode(await command(new Context(program.opts())));
  };
  // Before the commands are declared, because they inherit these settings.
  program
    .exitOverride()
    .configureOutput({
      outputError: () => undefined,
      getOutHasColors: () => onText === undefined && helpColor(program.opts().color),
      ...(onText && { writeOut: onText, writeErr: () => undefined, getOutHelpWidth: () => HELP_WIDTH }),
    })
    .configureHelp({
      showGlobalOptions: true,
      minWidthToWrap: MIN_TO_WRAP,
      styleTitle: (title) => `\u001B[1m${title}\u001B[22m`,
    });
  declareDelegating(program, start);
  declareChaining(program, start);
  declareMerging(program, start);
  declareReading(program, start);
  declareRunning(program, start);
  program.commandsGroup('More:').helpCommand('help [command]', 'show this help, or the help of a command');
  program.addHelpText('after', `\n${EXAMPLES}\n\n${EXIT_HELP}`);
  return program;
}

const HELP_WIDTH = 80;
/** Descriptions of commands are wrapped if at least this many columns are left beside the names. */
const MIN_TO_WRAP = 24;

const helpColor = (color: boolean) => wantsColor(process.stdout, { color, env: process.env });
