import { CommanderError } from 'commander';
import { SubagentsError } from '../contract/errors.ts';
import { jsonLine } from '../contract/text/text.ts';
import { EXIT } from './exit.ts';
import { failureJsonLine, cliFailure, failureText } from './failure.ts';
import type { HelpJson, VersionJson } from './json.ts';
import { Output } from './output.ts';
import { buildProgram } from './program.ts';
import { version } from '../system/version.ts';

/** Runs the command line. @returns the exit code; nothing is thrown, and only the caller exits. */
export async function run(argv: readonly string[]): Promise<number> {
  // Called by the completion scripts. The arguments are an incomplete command line of their own.
  if (argv[0] === '__complete') return await (await import('./complete/main.ts')).complete(argv.slice(1));
  let exitCode: number = EXIT.ok;
  let text = '';
  const json = wordsBeforeDashes(argv).includes('--json');
  const program = buildProgram(
    version(),
    (code) => {
      exitCode = code;
    },
    json ? (piece) => (text += piece) : undefined,
  );
  const names = new Set(program.commands.flatMap((command) => [command.name(), ...command.aliases()]));
  try {
    // `help` accepts no options; --json is handled already. For help on an unknown command, that command is run, which
    // reports that it is unknown.
    const [first, ...rest] = argv;
    const about = rest.filter((word) => word !== '--json')[0];
    const isLost = first === 'help' && about !== undefined && about !== 'help' && !names.has(about);
    const asked = first === 'help' ? ['help', ...(about === undefined ? [] : [about])] : argv;
    await program.parseAsync(isLost ? rest : asked, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) {
      // Without --json, commander has printed help or version already.
      if (json) process.stdout.write(`${jsonLine(textJson(text))}\n`);
      return EXIT.ok;
    }
    const isHelp = thrown instanceof CommanderError && thrown.code === 'commander.help';
    if (isHelp && !json) return EXIT.usage;
    return fail(
      isHelp ? NO_COMMAND : thrown,
      argv,
      argv.find((word) => names.has(word)),
    );
  }
}

const textJson = (text: string): HelpJson | VersionJson =>
  text.trim() === version() ? { version: version() } : { help: text };

const NO_COMMAND = new SubagentsError('BAD_INPUT', 'the command is missing', {
  remedy: '`subagents help` lists them',
});

/** The words before `--`, which may be options. */
const wordsBeforeDashes = (argv: readonly string[]): readonly string[] =>
  argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;

/** Prints an error. @returns its exit code */
function fail(thrown: unknown, argv: readonly string[], command: string | undefined): number {
  const { text, exitCode } = failureOutput(thrown, argv, command);
  process.stderr.write(text);
  return exitCode;
}

/** The text and exit code for anything that was thrown. @param command the command whose help a usage error names */
export function failureOutput(
  thrown: unknown,
  argv: readonly string[],
  command?: string,
): { readonly text: string; readonly exitCode: number } {
  const failure = cliFailure(thrown, command);
  // A usage error occurs before the options are parsed, so the words themselves are searched.
  const words = wordsBeforeDashes(argv);
  const { json, noteColors } = new Output({
    color: !words.includes('--no-color'),
    json: words.includes('--json'),
    env: process.env,
  });
  const verbose = words.includes('--verbose');
  const text = json ? failureJsonLine(failure, verbose) : failureText(failure, noteColors, verbose);
  return { text, exitCode: failure.exitCode };
}
