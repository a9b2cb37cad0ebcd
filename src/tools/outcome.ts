/**
 * A subagent's outcome for a main agent: the evidence that we measured, and, fenced, what the subagent chose and said.
 */
import { MAX_FENCED_CHARS, type Outcome, isOwnBranch } from '../contract/index.ts';
import { nameLines } from '../prompts/index.ts';
import { fenced } from './fence.ts';
import type { MeasuredView } from './view.ts';

const MAX_TAIL_CHARS = 1_000;

/** The measured fields of an outcome. */
export function measuredFields(outcome: Outcome): MeasuredView {
  const { evidence, sweep, usage, durations, turns, verifications } = outcome;
  return {
    ...(evidence && {
      head: evidence.head,
      base: evidence.base,
      branch: isOwnBranch(evidence.branch, outcome.label) ? evidence.branch : null,
      commits: evidence.commitCount,
      filesChanged: evidence.diffStat.files,
      insertions: evidence.diffStat.insertions,
      deletions: evidence.diffStat.deletions,
      savedLeftovers: evidence.savedLeftovers,
      uncommitted: evidence.uncommitted.length,
      sensitiveFiles: evidence.sensitive.length,
      touchedOutside: evidence.touchedOutside?.length ?? 0,
    }),
    verifications: verifications.map(({ exitCode, durationMs }) => ({ exitCode, durationMs })),
    ...(sweep && {
      processesFound: sweep.found,
      processesLeft: sweep.left.length,
      processesProven: sweep.proof === 'proven',
    }),
    turns,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    totalMs: durations.totalMs,
    workingMs: durations.workingMs,
  };
}

/**
 * Everything that the subagent, its commands or its repository chose or said, fenced: names first, then the report, of
 * which the outcome may have only the beginning.
 */
export function outcomeText(outcome: Outcome): string {
  const source = `subagent ${outcome.label}@${outcome.run}`;
  const names = nameLines(outcome);
  const parts = [
    ...(names.length === 0 ? [] : [fenced('names', source, names.join('\n'), MAX_FENCED_CHARS)]),
    ...outcome.verifications.flatMap(({ exitCode, outputTail }, index) =>
      exitCode === 0 || outputTail.trim() === ''
        ? []
        : [
            fenced(
              `output of verification ${index + 1}`,
              source,
              outputTail.slice(-MAX_TAIL_CHARS),
              MAX_TAIL_CHARS,
            ),
          ],
    ),
    fenced('report', source, outcome.report.trim() === '' ? '(no report)' : outcome.report, {
      offset: 0,
      missing: Math.max(0, (outcome.reportChars ?? 0) - outcome.report.length),
    }),
  ];
  return parts.join('\n');
}
