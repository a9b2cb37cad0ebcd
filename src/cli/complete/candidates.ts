import { Option, type CommandUnknownOpts } from '@commander-js/extra-typings';
import type { ReadyMade } from '../../client/chains/ready-made.ts';
import { spawnOptions } from '../../contract/spawn/spawn-options.ts';
import { oneLine } from '../../contract/text/text.ts';
import type { CommandLine } from '../program.ts';

/** A completion for the word at the cursor. The value `:files`, which comes first, means file names as well. */
export interface Completion {
  readonly value: string;
  readonly description?: string | undefined;
}

/** Reads the labels of subagents and the sessions from the server. */
export type Names = (globals: Readonly<Record<string, unknown>>) => Promise<{
  readonly targets: readonly Completion[];
  readonly sessions: readonly Completion[];
}>;

const FILES: Completion = { value: ':files' };
const FILE_OPTIONS = new Set(['--file', '--repo', '--home']);
const CHOICES = new Map(spawnOptions().map(({ flags, choices = [] }) => [new Option(flags).long, choices]));

/**
 * The candidates for the last of `words`. The words before it are complete; the program’s own name is not among them.
 */
export async function completions(
  program: CommandLine,
  words: readonly string[],
  names: Names,
): Promise<readonly Completion[]> {
  const typed = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const { command, operands, awaiting, globals } = read(program, typed);
  const all = await possible(program, command, operands, awaiting, current, () => names(globals));
  return all.filter((each) => each === FILES || each.value.startsWith(current));
}

interface Reading {
  readonly command: CommandUnknownOpts | undefined;
  /** The command's arguments so far. */
  readonly operands: readonly string[];
  /** The option whose value comes next. */
  readonly awaiting: Option | undefined;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** Interprets the complete words. */
function read(program: CommandLine, typed: readonly string[]): Reading {
  let command: CommandUnknownOpts | undefined;
  let awaiting: Option | undefined;
  const operands: string[] = [];
  const globals: Record<string, unknown> = {};
  for (const word of typed) {
    if (awaiting !== undefined) {
      globals[awaiting.attributeName()] = word;
      awaiting = undefined;
    } else if (word.startsWith('-') && word.length > 1) {
      const option = optionsOf(program, command).find(({ short, long }) => short === word || long === word);
      if (option?.required === true) awaiting = option;
    } else if (command === undefined) {
      command = program.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (command === undefined) operands.push(word);
    } else {
      const inner = operands.length === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      if (inner === undefined) operands.push(word);
      else command = inner;
    }
  }
  return { command, operands, awaiting, globals };
}

const optionsOf = (program: CommandLine, command: CommandUnknownOpts | undefined): readonly Option[] => [
  ...(command?.options ?? []),
  ...program.options,
];

async function possible(
  program: CommandLine,
  command: CommandUnknownOpts | undefined,
  operands: readonly string[],
  awaiting: Option | undefined,
  current: string,
  names: () => ReturnType<Names>,
): Promise<readonly Completion[]> {
  if (awaiting !== undefined) {
    const long = awaiting.long ?? '';
    if (long === '--session') return (await names()).sessions;
    if (FILE_OPTIONS.has(long)) return [FILES];
    return (CHOICES.get(long) ?? []).map((value) => ({ value }));
  }
  if (current.startsWith('-')) {
    return optionsOf(program, command).map(({ long, description }) => ({ value: long ?? '', description }));
  }
  if (command === undefined) {
    const isFirst = operands.length === 0 || (operands.length === 1 && operands[0] === 'help');
    return isFirst ? commandNames(program) : [];
  }
  if (command.commands.length > 0 && operands.length === 0)
    return command.commands.map((each) => ({
      value: each.name(),
      description: oneLine(each.description(), 80),
    }));
  const index = Math.min(operands.length, command.registeredArguments.length - 1);
  const argument = command.registeredArguments[index];
  if (argument === undefined || (operands.length > index && !argument.variadic)) return [];
  if (argument.name() === 'file') return [FILES, ...(await readyMade())];
  if (argument.name() === 'shell') return ['bash', 'zsh', 'fish'].map((value) => ({ value }));
  if (argument.name() === 'client') return [{ value: 'copilot' }];
  if (argument.name() !== 'target' && argument.name() !== 'targets') return [];
  return (await names()).targets.filter(({ value }) => !operands.includes(value));
}

/** The names of ready-made chains. Their module is loaded only here, to keep other completions fast. */
async function readyMade(): Promise<Completion[]> {
  const { READY_MADE } = await import('../../client/chains/ready-made.ts');
  return Object.entries<ReadyMade>(READY_MADE).map(([value, { description }]) => ({
    value,
    description: oneLine(description, 80),
  }));
}

const commandNames = (program: CommandLine): Completion[] => [
  ...program.commands.map((each) => ({ value: each.name(), description: oneLine(each.description(), 80) })),
  { value: 'help', description: 'help on a command' },
];
