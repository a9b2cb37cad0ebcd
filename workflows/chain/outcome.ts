/** The outcome of a chain, in the same shape as a subagent's outcome, and the signal that reports it to the session. */
import { graphLine } from '../../src/chain/graph.ts';
import type { ChainProgress } from '../../src/chain/progress.ts';
import {
  addUsage,
  head,
  kindsOf,
  MAX_REPORT_CHARS,
  MAX_SUMMARY_CHARS,
  NO_USAGE,
  oneLine,
  orderCaveats,
  type AuditEntry,
  type ChainInput,
  type EndedSignal,
  type Outcome,
} from '../../src/contract/index.ts';
import { announceEnd } from '../subagent/outcome.ts';

/** The outcome of a finished chain. */
export function chainOutcome(
  { session, label, run }: ChainInput,
  progress: ChainProgress,
  { how, totalMs, audit }: { how: 'verdict' | 'killed'; totalMs: number; audit: readonly AuditEntry[] },
): Outcome {
  const steps = progress.view;
  const verdict =
    how === 'verdict'
      ? progress.verdict
      : {
          status: 'killed' as const,
          summary: `killed; ${steps.filter(({ status }) => status === 'done').length} of ${steps.length} steps done`,
        };
  const outcomes = progress.items.flatMap(({ outcome }) => outcome ?? []);
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const summary = oneLine(verdict.summary, MAX_SUMMARY_CHARS);
  return {
    status: verdict.status,
    label,
    session,
    run,
    summary,
    ...reportOf(progress),
    ...(verdict.status === 'failed' && { failure: { class: 'chain', message: summary } }),
    caveats: orderCaveats(progress.caveats),
    verifications: [],
    repairs: sum(({ repairs }) => repairs),
    turns: sum(({ turns }) => turns),
    usage: outcomes.reduce((total, { usage }) => addUsage(total, usage), NO_USAGE),
    durations: {
      queuedMs: sum(({ durations }) => durations.queuedMs),
      workingMs: sum(({ durations }) => durations.workingMs),
      verifyingMs: sum(({ durations }) => durations.verifyingMs),
      totalMs,
    },
    denials: [],
    loaded: [],
    steps,
    audit,
    notes: [],
  };
}

/**
 * The report of the step that ended the chain: the winner, or the last item of the chain if that item has an outcome.
 */
function reportOf(progress: ChainProgress): Pick<Outcome, 'report' | 'reportChars'> {
  const { report = '', reportChars = report.length } =
    (progress.winner ?? progress.items.at(-1))?.outcome ?? {};
  return { report: head(report, MAX_REPORT_CHARS), ...(reportChars > MAX_REPORT_CHARS && { reportChars }) };
}

/** The signal that tells the session that the chain has ended. */
export function chainEnded(
  input: ChainInput,
  { workflowId, runId, startedAt }: { workflowId: string; runId: string; startedAt: string },
  outcome: Outcome,
): EndedSignal {
  const { label, run, chain } = input;
  const { status, summary, caveats } = outcome;
  return {
    announcement: announceEnd(input, { workflowId, runId }, outcome),
    entry: {
      label,
      run,
      workflowId,
      runId,
      status,
      startedAt,
      summary,
      ...(caveats.length > 0 && { caveats: kindsOf(caveats) }),
      task: oneLine(chain.description ?? graphLine(chain.steps), 120),
      repo: chain.steps[0]?.spec.repo ?? '',
      endedAt: new Date().toISOString(),
    },
  };
}
