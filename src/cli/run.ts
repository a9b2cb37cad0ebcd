import { CommanderError } from 'commander';
import { EXIT } from './exit.ts';
import { failureJson, failureOf, failureText } from './failure.ts';
import { Output } from './output.ts';
import { buildProgram } from './program.ts';
import { version } from './version.ts';

/** Runs the command line. @returns the exit code; nothing is thrown, and only the caller exits. */
export async function run(argv: readonly string[]): Promise<number> {
  // What the completion scripts call; its words are a command line of their own, half typed.
  if (argv[0] === '__complete') return await (await import('./complete/main.ts')).complete(argv.slice(1));
  let exitCode: number = EXIT.ok;
  const program = buildProgram(version(), (code) => {
    exitCode = code;
  });
  const names = new Set(program.commands.flatMap((command) => [command.name(), ...command.aliases()]));
  try {
    // `help` of an unknown command is that unknown command.
    const isLost = argv[0] === 'help' && argv[1] !== undefined && argv[1] !== 'help' && !names.has(argv[1]);
    await program.parseAsync(isLost ? argv.slice(1) : argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    // Help and version have been printed by then.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    if (thrown instanceof CommanderError && thrown.code === 'commander.help') return EXIT.usage;
    return fail(
      thrown,
      argv,
      argv.find((word) => names.has(word)),
    );
  }
}

/** Prints what was thrown. @returns its exit code */
function fail(thrown: unknown, argv: readonly string[], command: string | undefined): number {
  const { text, exitCode } = failureWords(thrown, argv, command);
  process.stderr.write(text);
  return exitCode;
}

/** What to print of anything that was thrown, and the exit code for it. @param command whose usage to point to */
export function failureWords(
  thrown: unknown,
  argv: readonly string[],
  command?: string,
): { readonly text: string; readonly exitCode: number } {
  const failure = failureOf(thrown, command);
  // A usage error comes before the options are known, so the words themselves are asked.
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const { json, noteColors } = new Output({
    color: !words.includes('--no-color'),
    json: words.includes('--json'),
    env: process.env,
  });
  const verbose = words.includes('--verbose');
  const text = json ? failureJson(failure, verbose) : failureText(failure, noteColors, verbose);
  return { text, exitCode: failure.exitCode };
}
