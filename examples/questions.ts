/**
 * A program answers what it knows an answer to. All else waits for a human: `subagents list --status asking`.
 *
 *     npx tsx questions.ts release-notes "Write CHANGELOG.md from the commits since the last release, and commit."
 */
import { Subagents } from 'durable-subagents';

const [label, task] = process.argv.slice(2);
if (label === undefined || task === undefined) throw new Error('usage: questions.ts LABEL TASK');

/** What a question is about, and the answer to it. */
const ANSWERS: readonly (readonly [RegExp, string])[] = [
  [/since which (tag|release)/i, 'Since the newest tag that begins with "v".'],
  [/may I (install|add) /i, 'No new dependencies.'],
];

await using subagents = await Subagents.connect();
const session = subagents.session('questions');
const subagent = await session.spawn({ label, task });

for await (const { kind, label: from, summary } of session.announcements()) {
  if (from !== label) continue;
  if (kind === 'question') await answerAll();
  else console.log(`${label} ${kind}: ${summary}`);
  if (kind === 'completed' || kind === 'failed' || kind === 'killed') break;
}

/** One message of a subagent may ask several questions: each has an id. */
async function answerAll(): Promise<void> {
  const { questions } = await subagent.describe();
  for (const { id, question } of questions) {
    const answer = ANSWERS.find(([about]) => about.test(question))?.[1];
    console.log(`asked: ${question} - ${answer ?? 'left to a human'}`);
    if (answer !== undefined) await subagent.answer(answer, { questionId: id });
  }
}
