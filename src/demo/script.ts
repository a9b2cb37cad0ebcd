/** The scripted model's part in the demo, when there is no real model. Its tool calls are actually executed. */
import type { ModelConversation } from './conversation.ts';
import { STEERED_SENTENCE } from './project-files.ts';
import type { Scenario, ScriptedStep, ToolCall } from './scripted-model.ts';
import { CHECK_SLOWLY, DOCS, FIX, MODERNISE, WRONG } from './tasks.ts';

/** One step of the model, identified by its text, which must be unique. */
interface Line {
  readonly say: string;
  readonly run?: ToolCall;
  /** If it returns false, the step is left out. */
  readonly when?: (conversation: ModelConversation) => boolean;
}

const bash = (command: string, description: string): ToolCall => ({
  name: 'bash',
  arguments: { command, description, mode: 'sync', initial_wait: 120 },
});

const SECTION = `
## Carts that expire

A cart that nobody touches for half an hour expires, and takes nothing more. Another time is a matter of one option:

\`\`\`js
import { Cart } from './src/cart.js';
const cart = new Cart({ expiresAfterMs: 60_000 });
console.log(cart.expired); // false
\`\`\`
`;

const FIX_LINES: readonly Line[] = [
  { say: 'I run the tests to see what fails.', run: bash('node --test', 'Run the tests') },
  {
    say: 'Rounding fails: 2378 where 2379 is right. I look at how a price is rounded.',
    run: bash('cat src/price.js', 'Read the module'),
  },
  {
    say: 'withVat cuts the fraction off instead of rounding it. I correct that.',
    run: bash(
      "sed -i.bak 's/Math.floor/Math.round/' src/price.js && rm src/price.js.bak && git diff",
      'Fix the rounding',
    ),
  },
  { say: 'Now the tests again.', run: bash('node --test', 'Run the tests again') },
  {
    say: 'Everything passes. I commit the fix.',
    run: bash(
      "git commit --quiet --all -m 'Round prices to the nearest cent instead of cutting them off' && git log -1 --oneline",
      'Commit',
    ),
  },
  { say: 'withVat cut fractions of a cent off; now it rounds to the nearest cent. All tests pass.' },
];

const DOCS_LINES: readonly Line[] = [
  { say: 'I check the examples of the README first.', run: bash(CHECK_SLOWLY, 'Check the README') },
  {
    say: 'I read how carts expire.',
    run: bash('cat src/cart.js', 'Read the module'),
  },
  {
    say: 'I add the section on carts that expire, and commit it.',
    run: bash(
      `cat >>README.md <<'END'\n${SECTION}END\ngit commit --quiet --all -m 'README: carts that expire' && git log -1 --oneline`,
      'Add the section',
    ),
  },
  {
    say: 'The main agent wants a sentence under the title. I add it.',
    when: ({ text }) => text.includes(STEERED_SENTENCE),
    run: bash(
      `sed -i.bak '1a\\\n\\\n${STEERED_SENTENCE}\n' README.md && rm README.md.bak && git commit --quiet --all -m 'README: amounts are in cents' && git log -1 --oneline`,
      'Add the sentence',
    ),
  },
  {
    say: 'The check went down with the worker. I run it once more.',
    when: wasResumed,
    run: bash('node scripts/check-readme.js', 'Check the README'),
  },
  { say: 'The README explains carts that expire, and its examples are right.' },
  { say: 'The README explains carts that expire; all of its examples ran once more.', when: wasResumed },
];

const WRONG_LINES: readonly Line[] = [
  { say: 'I modernise everything. This may take a while.', run: bash(MODERNISE, 'Modernise the code base') },
  { say: 'Everything is modern now.' },
];

/** Whether the turn was resumed with lost background commands, which the model is told in a separate message. */
function wasResumed({ userMessages }: ModelConversation): boolean {
  return userMessages.some((message) => /^\[subagent .*, resumed\]$/m.test(message));
}

/** The scenarios of the three subagents. */
export const scenarios: readonly Scenario[] = [
  { when: isOf(FIX), steps: (conversation) => nextStep(FIX_LINES, conversation) },
  { when: isOf(DOCS), steps: (conversation) => nextStep(DOCS_LINES, conversation) },
  { when: isOf(WRONG), steps: (conversation) => nextStep(WRONG_LINES, conversation) },
];

function isOf(label: string): (conversation: ModelConversation) => boolean {
  return ({ userMessages }) => userMessages.some((message) => message.includes(`[subagent ${label}@`));
}

/** The first line not said yet; or the last one again, if its command was interrupted by a crash. */
function nextStep(lines: readonly Line[], conversation: ModelConversation): ScriptedStep {
  const { messages, news } = conversation;
  const said = messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);
  const last = lines.find(({ say }) => said.at(-1)?.includes(say));
  if (last?.run !== undefined && /interrupted/i.test(news)) {
    return { text: `That was interrupted. ${last.say}`, tools: [last.run] };
  }
  const fitting = lines.filter(({ when }) => when?.(conversation) ?? true);
  const next = fitting.find(({ say }) => !said.some((content) => content.includes(say)));
  const line = next ?? fitting.at(-1);
  return { text: line?.say ?? '', ...(line?.run && { tools: [line.run] }) };
}
