// What is in the pictures: a morning of a team in a small shop. One subagent is done, one has failed, one was killed, and one is
// at work, steered in the middle of its turn.
import { scenarios as demoScenarios } from '../../dist/src/demo/script.js';
import { FIX, tasks, WRONG } from '../../dist/src/demo/tasks.js';
import { pollUntil } from '../../dist/src/demo/until.js';

const PATIENCE_MS = 180_000;
const NEVER = new AbortController().signal;

const bash = (command) => ({
  name: 'bash',
  arguments: { command, description: 'Run', mode: 'sync', initial_wait: 300 },
});
const isOf = (label) => (conversation) => conversation.text.includes(`[subagent ${label}@`);

/** Works as long as the pictures take. */
const BUSY = 'explain-carts';
const SLOW_CHECK = 'node scripts/check-readme.js 120000';
const STEER = 'Put "All amounts are in cents." right under the title, as a commit of its own.';
const busy = {
  when: isOf(BUSY),
  steps: [
    { text: 'I check the examples of the README first.', tools: [bash(SLOW_CHECK)] },
    {
      text: 'The main agent wants a sentence under the title. I add it, and commit it.',
      tools: [
        bash(
          "sed -i '1a\\\\nAll amounts are in cents.' README.md && git commit --quiet --all -m 'README: amounts are in cents' && git log -1 --oneline",
        ),
      ],
    },
    { text: 'Now I check all examples once more.', tools: [bash(SLOW_CHECK)] },
  ],
};

/** Documents what it did wrongly, and does not get it right. */
const FAILS = 'add-discounts';
const failing = {
  when: isOf(FAILS),
  steps: [
    {
      text: 'I add discounts, and an example.',
      tools: [
        bash(`cat >>src/price.js <<'END'

/** A price less \`percent\`, rounded to the nearest cent. */
export function withDiscount(cents, percent) {
  return Math.round((cents * (100 - percent)) / 100);
}
END
cat >>README.md <<'END'

## Discounts

\`\`\`js
import { withDiscount } from './src/price.js';
console.log(withDiscount(1999, 10)); // 1800
\`\`\`
END
git commit --quiet --all -m 'Discounts' && git log -1 --oneline`),
      ],
    },
    { text: 'withDiscount is there, and documented.' },
    {
      text: 'The example rounds to the wrong number. I correct it.',
      tools: [
        bash(
          "sed -i 's/1800/1798/' README.md && git commit --quiet --all -m 'Correct the example' && git log -1 --oneline",
        ),
      ],
    },
    { text: 'The example is right now.' },
  ],
};

/** The first scenario that recognises a conversation answers it. */
export const scenarios = [busy, failing, ...demoScenarios];

/** Plays it. Returns the run of the session, and the identity of each subagent by what became of it. */
export async function play({ client, session, repo }) {
  const [fix, , wrong] = tasks(repo);
  const specs = [
    {
      label: BUSY,
      repo,
      task: `The README says nothing about carts that expire. First run \`${SLOW_CHECK}\` to see that its examples are right. Then add
a short section "Carts that expire" at the end of README.md, and commit.`,
      verify: ['node scripts/check-readme.js'],
    },
    {
      label: FAILS,
      repo,
      task: 'Add withDiscount(cents, percent) to src/price.js, rounded to the nearest cent, and an example of it to README.md. Commit.',
      verify: ['node scripts/check-readme.js'],
    },
    fix,
    wrong,
  ];
  for (const answer of await session.spawn(specs)) if (!answer.accepted) throw new Error(answer.reason);

  await running(session, WRONG);
  const { sweep } = await session.subagent(WRONG).kill();
  console.log(`killed ${WRONG}: ${sweep?.found} processes found, ${sweep?.left.length} left`);
  await running(session, BUSY);
  const receipt = await session.subagent(BUSY).steer(STEER);
  console.log(`steered ${BUSY}: ${receipt.delivery}`);
  console.log(`${FAILS}: ${(await session.subagent(FAILS).result()).status}`);
  console.log(`${FIX}: ${(await session.subagent(FIX).result()).status}`);
  await running(session, BUSY);

  const identity = (label) => session.subagent(label).identity();
  const [sessionRun] = await client.sessions();
  return {
    sessionRun,
    working: await identity(BUSY),
    done: await identity(FIX),
    killed: await identity(WRONG),
    failed: await identity(FAILS),
  };
}

/** Waits until `label` is seen to run a shell command. */
async function running(session, label) {
  const seen = await pollUntil(
    async () => {
      const { live } = await session.list({ finished: 0 });
      return live.find((row) => row.label === label && row.progress?.tool === 'bash');
    },
    { timeoutMs: PATIENCE_MS, signal: NEVER },
  );
  if (seen === undefined) throw new Error(`${label} was not seen to run a command`);
}
