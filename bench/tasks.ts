/** The tasks of the benchmark, and the scripted model that performs them. The peer gets the same tasks. */
import type { Scenario, ToolCall } from '../src/demo/scripted-model.ts';
import { MARK } from './processes.ts';

/** The author of the benchmark's repositories. */
export const BENCH_AUTHOR = { author: 'Bench', email: 'bench@example.invalid' } as const;
/** A small repository for subagents. */
export const A_PROJECT = { files: { 'README.md': '# A project\n' }, message: 'A project' } as const;

/** Writes a file with one shell command, then reports: two model calls. */
export const HELLO = 'Say hello: write the word into hello.txt.';
/** The file that the task writes, and the command that verifies it. */
export const HELLO_FILE = 'hello.txt';
export const VERIFY_HELLO = `grep -q hello ${HELLO_FILE}`;

/** Runs ten shell commands, one after the other. */
export const TEN_COMMANDS = 'Look around: run ten commands.';

/** Runs a shell command that outlasts every measurement, and another one after each message. */
export const WAIT = 'Wait: run the slow command in the foreground.';

/** Runs such a command that ignores SIGTERM. */
export const STAY = 'Stay: run the stubborn command in the foreground.';

/** Asks a question, and another one after each answer. */
export const ASK = 'Ask: what to do now?';

const bash = (command: string): { readonly tools: readonly ToolCall[] } => ({
  tools: [{ name: 'bash', arguments: { command, description: 'the task' } }],
});

export const SCENARIOS: readonly Scenario[] = [
  {
    when: ({ text }) => text.includes(TEN_COMMANDS),
    steps: [...Array.from({ length: 10 }, () => bash('ls')), { text: 'I looked around.' }],
  },
  {
    when: ({ text }) => text.includes(HELLO),
    steps: [bash(`echo hello > ${HELLO_FILE}`), { text: 'I said hello.' }],
  },
  {
    when: ({ text }) => text.includes(WAIT),
    // Each command creates a file that shows that it runs.
    steps: () => bash(`touch "$${MARK}/waiting/$$" && exec sleep 3600`),
  },
  {
    when: ({ text }) => text.includes(STAY),
    steps: () => bash(`trap '' TERM; touch "$${MARK}/waiting/$$"; sleep 3600`),
  },
  {
    when: ({ text }) => text.includes(ASK),
    steps: () => ({ tools: [{ name: 'ask_parent', arguments: { question: 'What now?' } }] }),
  },
];
