/** The tasks of the benchmark, and the scripted model that does them. The peer is given the same ones. */
import type { Scenario, ToolCall } from '../src/demo/scripted-model.ts';
import { MARK } from './processes.ts';

/** Writes a file by one shell command, then reports: two model calls. */
export const HELLO = 'Say hello: write the word into hello.txt.';
/** Where it is written, and how that is verified. */
export const HELLO_FILE = 'hello.txt';
export const VERIFY_HELLO = `grep -q hello ${HELLO_FILE}`;

/** Runs a shell command that goes on for longer than any measurement; one more after each message. */
export const WAIT = 'Wait: run the slow command in the foreground.';

/** Runs a shell command like that one, which ignores SIGTERM. */
export const STAY = 'Stay: run the stubborn command in the foreground.';

/** Asks; once more after each answer. */
export const ASK = 'Ask: what to do now?';

const bash = (command: string): { readonly tools: readonly ToolCall[] } => ({
  tools: [{ name: 'bash', arguments: { command, description: 'the task' } }],
});

export const SCENARIOS: readonly Scenario[] = [
  {
    when: ({ text }) => text.includes(HELLO),
    steps: [bash(`echo hello > ${HELLO_FILE}`), { text: 'I said hello.' }],
  },
  {
    when: ({ text }) => text.includes(WAIT),
    // A file for each shows that it runs.
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
