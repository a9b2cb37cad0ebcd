import { CommanderError } from 'commander';
import { SubagentsError } from '../contract/errors.ts';
import { jsonLine } from '../contract/text.ts';
import { EXIT } from './exit.ts';
import { failureJson, cliFailure, failureText } from './failure.ts';
import type { HelpJson, VersionJson } from './json.ts';
import { Output } from './output.ts';
import { buildProgram } from './program.ts';
import { version } from './version.ts';

/** Runs the command line. @returns the exit code; nothing is thrown, and only the caller exits. */
export async function run(argv: readonly string[]): Promise<number> {
  // What the completion scripts call; its words are a command line of their own, half typed.
  if (argv[0] === '__complete') return await (await import('./complete/main.ts')).complete(argv.slice(1));
  let exitCode: number = EXIT.ok;
  let text = '';
  const json = ownWords(argv).includes('--json');
  const program = buildProgram(
    version(),
    (code) => {
      exitCode = code;
    },
    json ? (piece) => (text += piece) : undefined,
  );
  const names = new Set(program.commands.flatMap((command) => [command.name(), ...command.aliases()]));
  try {
    // `help` takes no options, but for --json, which is known by now; that of an unknown command is that unknown command.
    const [first, ...rest] = argv;
    const about = rest.filter((word) => word !== '--json')[0];
    const isLost = first === 'help' && about !== undefined && about !== 'help' && !names.has(about);
    const asked = first === 'help' ? ['help', ...(about === undefined ? [] : [about])] : argv;
    await program.parseAsync(isLost ? rest : asked, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) {
      // As text, help and version have been printed by then.
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

const NO_COMMAND = new SubagentsError('BAD_INPUT', 'no command is named', {
  remedy: '`subagents help` lists them',
});

/** Those before `--`, which may be options. */
const ownWords = (argv: readonly string[]): readonly string[] =>
  argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;

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
  const failure = cliFailure(thrown, command);
  // A usage error comes before the options are known, so the words themselves are asked.
  const words = ownWords(argv);
  const { json, noteColors } = new Output({
    color: !words.includes('--no-color'),
    json: words.includes('--json'),
    env: process.env,
  });
  const verbose = words.includes('--verbose');
  const text = json ? failureJson(failure, verbose) : failureText(failure, noteColors, verbose);
  return { text, exitCode: failure.exitCode };
}
