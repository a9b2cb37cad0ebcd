import { drawChain } from '../../chain/draw.ts';
import { sanitizedLine, MAX_READ_CHARS, SubagentsError, type StepView } from '../../contract/index.ts';
import type { SubagentDescription, SubagentHandle } from '../../client/index.ts';
import { fenced } from '../fence.ts';
import { notesText } from '../notes.ts';
import { evidenceLines, MEASURED_BY_US, NO_WORKER_ANSWERS, STEPS_ARE_TARGETS } from '../../prompts/index.ts';
import { measuredFields, outcomeText } from '../outcome.ts';
import { oneHandle } from '../targets.ts';
import type { SubagentAnswer } from '../view.ts';
import type { Action } from './action.ts';
import { waitingWords } from './approve.ts';
import { forEachTarget, type TargetResult } from './each.ts';
import { lastMessage } from './logs.ts';

const MAX_SUMMARY_CHARS = 160;

/**
 * Shows a subagent: evidence and report when it has ended, activity and questions while it is live, and a chain's
 * steps.
 */
export const showAction: Action = async (context, { target, offset }) => {
  const subagents = await context.connect();
  const handle = await oneHandle(context, subagents, 'show', target);
  return await forEachTarget([handle], (one) =>
    offset === undefined ? describeForTool(one) : reportFrom(one, offset, context.signal),
  );
};

/**
 * The report from character `offset` on. If the outcome has only the beginning, the report is read from the transcript.
 */
async function reportFrom(
  handle: SubagentHandle,
  offset: number,
  signal: AbortSignal,
): Promise<TargetResult> {
  const { status, outcome, label, run } = await handle.describe();
  if (outcome === undefined)
    throw new SubagentsError('STILL_LIVE', `${label}@${run} has no report yet: it is ${status}`, {
      remedy: 'action "logs" shows what it has said so far',
    });
  const { report, reportChars } = outcome;
  const whole = reportChars === undefined ? report : ((await lastMessage(handle, signal)) ?? report);
  const window = { offset, max: MAX_READ_CHARS, missing: Math.max(0, (reportChars ?? 0) - whole.length) };
  return { view: { status, words: fenced('report', `subagent ${label}@${run}`, whole, window) } };
}

/** The text that `show` prints for a subagent. */
export async function shownText(handle: SubagentHandle): Promise<string> {
  return (await forEachTarget([handle], describeForTool)).text;
}

/** The data and lines that `show` has for a subagent. */
export async function describeForTool(handle: SubagentHandle): Promise<TargetResult> {
  const description = await handle.describe();
  const { status, since, stalled, cleaned, outcome, url, questions, turns, workerless, steps, approvals } =
    description;
  const view: Partial<SubagentAnswer> = {
    status,
    since,
    ...(stalled && { stalled: { reason: stalled.reason, since: stalled.since } }),
    ...(cleaned && { cleanedAt: cleaned.at }),
    ...(url !== undefined && { link: url }),
    ...(questions.length > 0 && { questions: questions.map(({ id }) => sanitizedLine(id, 100)) }),
    ...(approvals.length > 0 && { approvals: approvals.map(({ id }) => sanitizedLine(id, 100)) }),
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
  const summaries = stepSummaries(description);
  if (outcome !== undefined) {
    return {
      view: {
        ...view,
        ...(outcome.caveats.length > 0 && {
          caveats: outcome.caveats.map(({ kind, grade }) => ({ kind, grade })),
        }),
        measured: measuredFields(outcome),
        words: [...summaries, outcomeText(outcome)].join('\n'),
      },
      lines: [...drawn, MEASURED_BY_US, ...evidenceLines(outcome, cleaned).map((line) => `  ${line}`)],
    };
  }
  const words = [...summaries, liveText(description)].join('\n');
  return {
    view: { ...view, measured: { turns }, ...(words !== '' && { words }) },
    lines: [...drawn, ...(workerless ? [NO_WORKER_ANSWERS] : [])],
  };
}

/** The graph of a chain. Contains no text from subagents. */
const stepLines = (steps: readonly StepView[]): string[] => [
  STEPS_ARE_TARGETS,
  ...drawChain(steps.map(({ id, step, needs, status, caveats }) => ({ id, step, needs, status, caveats })))
    .split('\n')
    .map((line) => `  ${line}`),
];

/** The summaries of a chain's steps, which are words of their subagents, fenced. */
function stepSummaries({ label, run, steps = [] }: SubagentDescription): string[] {
  const summaries = steps.flatMap(({ id, summary }) =>
    summary === undefined ? [] : [`${id}: ${sanitizedLine(summary, MAX_SUMMARY_CHARS)}`],
  );
  return summaries.length === 0
    ? []
    : [fenced('summaries of steps', `subagents of the chain ${label}@${run}`, summaries.join('\n'))];
}

/** What a live subagent is doing, said last and asks, fenced. */
function liveText({
  label,
  run,
  doing,
  stalled,
  lastMessage,
  questions,
  approvals,
  notes,
}: SubagentDescription): string {
  const source = `subagent ${label}@${run}`;
  const now = [
    ...(stalled?.detail === undefined ? [] : [`no progress: ${sanitizedLine(stalled.detail, 300)}`]),
    `doing: ${sanitizedLine(doing, 300)}`,
    ...(lastMessage === undefined ? [] : [`said last: ${lastMessage}`]),
  ].join('\n');
  const noted = notesText(`${label}@${run}`, notes);
  return [
    fenced('what it does', source, now, 1_000),
    ...(noted === undefined ? [] : [noted]),
    ...waitingWords(approvals),
    ...questions.map(({ id, question, choices }) =>
      fenced(
        `question ${sanitizedLine(id, 100)}`,
        source,
        choices === undefined
          ? question
          : `${question}\nChoices:\n${choices.map((each) => `- ${each}`).join('\n')}`,
      ),
    ),
  ].join('\n');
}
