import { drawChain } from '../../chain/draw.ts';
import { inertLine, type StepView } from '../../contract/index.ts';
import type { SubagentDescription, SubagentHandle } from '../../client/index.ts';
import { fenced } from '../fence.ts';
import { notesWords } from '../notes.ts';
import { evidenceLines, measured, outcomeWords } from '../outcome.ts';
import { oneHandle } from '../targets.ts';
import type { SubagentView } from '../view.ts';
import type { Action } from './action.ts';
import { each, type Done } from './each.ts';

const MAX_SUMMARY_CHARS = 160;

/** Everything known of a subagent: its evidence and report when it has ended, what it does and asks while it lives; of a chain its steps. */
export const show: Action = async (context, { target }) => {
  const subagents = await context.connect();
  return await each([await oneHandle(context, subagents, 'show', target)], shown);
};

/** The same as text alone. */
export async function shownText(handle: SubagentHandle): Promise<string> {
  return (await each([handle], shown)).text;
}

/** What `show` has of a subagent. */
export async function shown(handle: SubagentHandle): Promise<Done> {
  const description = await handle.describe();
  const { status, since, away, outcome, url, questions, turns, workerless, steps } = description;
  const view: Partial<SubagentView> = {
    status,
    since,
    ...(away && { workerAwaySince: away.since }),
    ...(url !== undefined && { link: url }),
    ...(questions.length > 0 && { questions: questions.map(({ id }) => inertLine(id, 100)) }),
    ...(steps !== undefined && {
      steps: steps.map(({ id, step, label, needs, status, run }) => ({
        id,
        step,
        label,
        needs,
        status,
        run,
      })),
    }),
  };
  const drawn = steps === undefined ? [] : stepLines(steps);
  const said = stepWords(description);
  if (outcome !== undefined) {
    return {
      view: { ...view, measured: measured(outcome), words: [...said, outcomeWords(outcome)].join('\n') },
      lines: [...drawn, 'measured by us:', ...evidenceLines(outcome).map((line) => `  ${line}`)],
    };
  }
  const words = [...said, liveWords(description)].join('\n');
  return {
    view: { ...view, measured: { turns }, ...(words !== '' && { words }) },
    lines: [...drawn, ...(workerless ? ['no worker answers for it: this is what the server knows'] : [])],
  };
}

/** The graph of a chain, in words of ours alone. */
const stepLines = (steps: readonly StepView[]): string[] => [
  'steps, each a target as LABEL/STEP:',
  ...drawChain(steps.map(({ id, step, needs, status }) => ({ id, step, needs, status })))
    .split('\n')
    .map((line) => `  ${line}`),
];

/** How each step of a chain ended, in its subagent's words. */
function stepWords({ label, run, steps = [] }: SubagentDescription): string[] {
  const said = steps.flatMap(({ id, summary }) =>
    summary === undefined ? [] : [`${id}: ${inertLine(summary, MAX_SUMMARY_CHARS)}`],
  );
  return said.length === 0
    ? []
    : [fenced('summaries of steps', `subagents of the chain ${label}@${run}`, said.join('\n'))];
}

/** What a live one does, said last and asks. */
function liveWords({ label, run, doing, lastMessage, questions, notes }: SubagentDescription): string {
  const source = `subagent ${label}@${run}`;
  const now = [
    `doing: ${inertLine(doing, 300)}`,
    ...(lastMessage === undefined ? [] : [`said last: ${lastMessage}`]),
  ].join('\n');
  const noted = notesWords(`${label}@${run}`, notes);
  return [
    fenced('what it does', source, now, 1_000),
    ...(noted === undefined ? [] : [noted]),
    ...questions.map(({ id, question, choices }) =>
      fenced(
        `question ${inertLine(id, 100)}`,
        source,
        choices === undefined
          ? question
          : `${question}\nChoices:\n${choices.map((each) => `- ${each}`).join('\n')}`,
      ),
    ),
  ].join('\n');
}
