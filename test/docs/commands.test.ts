/** The commands of the documents, run as they stand on a machine like the reader's; only the model's answers are scripted. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BEFORE, ENDS_WITH, NOT_RUN, REPLACED, UNTIL_CTRL_C } from './decided.ts';
import { commandBlocks, commandsInSentences, GUIDES, read } from './documents.ts';
import { startMachine, type Machine, type Shell } from './machine.ts';

// A block is many processes, and two files run side by side.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const ALL_BLOCKS = GUIDES.flatMap((path) => commandBlocks(read(path)).map((lines) => [path, lines] as const));
/** A block whose commands all stand in another one, in their order, is run with that one. */
const BLOCKS = ALL_BLOCKS.filter(
  ([, lines], index) =>
    !ALL_BLOCKS.some(
      ([, others], other) =>
        standIn(lines, others) && (others.length > lines.length || (standIn(others, lines) && other < index)),
    ),
);
const IN_BLOCKS = new Set(BLOCKS.flatMap(([, lines]) => lines));
const IN_SENTENCES = GUIDES.flatMap((path) => commandsInSentences(read(path)));
const ALL = new Set([...IN_BLOCKS, ...IN_SENTENCES]);

const LEFT_OUT = new Set(Object.values(NOT_RUN).flat());
const isRun = (line: string): boolean => !LEFT_OUT.has(line);
const ALONE = [...ALL].filter((line) => !IN_BLOCKS.has(line) && isRun(line));

function standIn(lines: readonly string[], others: readonly string[]): boolean {
  let found = 0;
  for (const line of others) if (line === lines[found]) found++;
  return found === lines.length;
}

let machine: Machine;
beforeAll(async () => {
  machine = await startMachine();
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

let shell: Shell;
beforeEach(async () => {
  shell = await machine.shell();
  if (!machine.isUp()) await succeeds('subagents up --detach');
});
afterEach(async () => {
  if (!machine.isUp()) return;
  await using subagents = await machine.connect();
  const session = subagents.session();
  for (const { label } of (await session.list({ finished: 0 })).live)
    await session
      .subagent(label)
      .kill()
      .catch(() => undefined);
  await session.acknowledge((await session.peek()).map(({ id }) => id));
});

/** Runs a line, which must succeed. */
async function succeeds(line: string, expected = 0): Promise<void> {
  const { exitCode, output } = await shell.run(line);
  expect(exitCode, `${line}\n${output}`).toBe(expected);
}

/** Runs a command of the documents, after what it needs. */
async function runs(command: string): Promise<void> {
  for (const line of BEFORE[command] ?? []) await succeeds(line);
  const line = REPLACED.reduce((now, [what, by]) => now.replace(what, by), command);
  const [, interruptAt, codes] = UNTIL_CTRL_C.find(([commands]) => commands.test(command)) ?? [];
  if (interruptAt === undefined) return succeeds(line, ENDS_WITH[command]);
  const { exitCode, output } = await shell.run(line, interruptAt);
  expect(codes, `${line}\n${output}`).toContain(exitCode);
  expect(output).toMatch(interruptAt);
}

/** Whatever has been handed over by now comes to a good end; a race kills those that lost. */
async function allEndWell(): Promise<void> {
  if (!machine.isUp()) return;
  await using subagents = await machine.connect();
  const session = subagents.session();
  for (const { label } of (await session.list({ finished: 0 })).live) {
    const { status, summary } = await session.subagent(label).result();
    expect(['done', 'killed'], `${label}: ${status}: ${summary}`).toContain(status);
  }
}

describe('the commands', () => {
  it.each(BLOCKS.filter(([, lines]) => lines.some(isRun)))('of %s work: %j', async (_path, lines) => {
    for (const line of lines.filter(isRun)) await runs(line);
    await allEndWell();
  });
});

describe('a command in a sentence', () => {
  it.each(ALONE)('works: %s', async (line) => {
    await runs(line);
    await allEndWell();
  });
});

describe('what was decided', () => {
  it('is about commands that are there', () => {
    const decided = [...LEFT_OUT, ...Object.keys(BEFORE), ...Object.keys(ENDS_WITH)];
    expect(decided.filter((line) => !ALL.has(line))).toEqual([]);
    for (const [what] of [...REPLACED, ...UNTIL_CTRL_C])
      expect(
        [...ALL].filter((line) => isRun(line) && what.test(line)),
        String(what),
      ).not.toEqual([]);
  });
});
