/** Puts an outcome together, and what the session keeps and announces of it. */
import { ApplicationFailure } from '@temporalio/common';
import {
  countDenials,
  head,
  MAX_REPORT_CHARS,
  MAX_SUMMARY_CHARS,
  oneLine,
  type Announcement,
  type Failure,
  type FinalStatus,
  type Outcome,
  type SessionEntry,
  type SubagentInput,
  type SweepReport,
  withSummary,
} from '../src/contract/index.ts';
import type { Life } from './life.ts';

/** How a life ended. */
export interface Ending {
  readonly status: FinalStatus;
  readonly failure?: Failure | undefined;
  readonly sweep?: SweepReport | undefined;
  readonly queuedMs: number;
  readonly totalMs: number;
}

export function outcomeOf(input: SubagentInput, life: Life, ending: Ending): Outcome {
  const model = life.model ?? input.spec.model;
  return {
    status: ending.status,
    label: input.label,
    session: input.session,
    run: input.run,
    summary: summaryOf(life, ending),
    report: head(life.report, MAX_REPORT_CHARS),
    ...(life.output !== undefined && { output: life.output }),
    ...(ending.status === 'done' && life.artifacts && { artifacts: { ...life.artifacts } }),
    ...(ending.failure && { failure: ending.failure }),
    ...(life.evidence && { evidence: life.evidence }),
    ...(life.setup.length > 0 && { setup: [...life.setup] }),
    ...(life.push && { push: life.push }),
    verifications: [...life.verifications],
    repairs: life.repairs,
    turns: life.turn,
    ...(model !== undefined && { model }),
    usage: life.usage,
    durations: {
      queuedMs: ending.queuedMs,
      workingMs: life.workedMs - life.verifyingMs,
      verifyingMs: life.verifyingMs,
      totalMs: ending.totalMs,
    },
    ...(ending.sweep && { sweep: ending.sweep }),
    permissions: input.spec.permissions,
    denials: [...life.denials],
    loaded: [...life.loaded],
    notes: [
      ...life.notes,
      ...pushNotes(input, life),
      ...denialNotes(input, life),
      ...undelivered(life),
      ...sweepNotes(ending.sweep),
    ],
  };
}

function summaryOf(life: Life, { status, failure, sweep }: Ending): string {
  if (failure) return oneLine(failure.message, MAX_SUMMARY_CHARS);
  if (status === 'killed')
    return `killed in turn ${life.turn}; ${sweep ? processes(sweep) : 'no process had been started'}`;
  if (status === 'timed-out') return `used up its working time in turn ${life.turn}`;
  return oneLine(life.report, MAX_SUMMARY_CHARS) || 'finished without a final message';
}

function processes({ found, left, proof }: SweepReport): string {
  if (proof === 'unproven') return 'whether processes are left is unproven';
  return `${found} ${found === 1 ? 'process' : 'processes'} found, ${left.length} left`;
}

function denialNotes({ spec }: SubagentInput, { denials }: Life): string[] {
  const count = countDenials(denials);
  if (count === 0) return [];
  const calls = count === 1 ? '1 tool call was' : `${count} tool calls were`;
  return [`${calls} denied by its permissions (${spec.permissions})`];
}

function pushNotes({ spec }: SubagentInput, { push, evidence }: Life): string[] {
  if (!spec.push || evidence === undefined) return [];
  return push?.commit === evidence.head ? [] : ['its branch was not pushed: only what is done is'];
}

/** Messages whose turn never came. */
function undelivered({ held }: Life): string[] {
  return held.map(({ message }) => `a message was held, and it ended before: ${oneLine(message, 200)}`);
}

function sweepNotes(sweep: SweepReport | undefined): string[] {
  if (!sweep || sweep.found === 0) return [];
  return [`processes were still running at the end and were ended: ${sweep.commands.join('; ')}`];
}

/** What the session keeps of a run. */
export function entryOf(
  input: SubagentInput,
  {
    workerId,
    ...ids
  }: { workflowId: string; runId: string; startedAt: string; workerId: string | undefined },
  outcome: Outcome,
): SessionEntry & { status: FinalStatus } {
  return {
    ...ids,
    label: input.label,
    run: input.run,
    status: outcome.status,
    task: oneLine(input.spec.task, 120),
    repo: input.spec.repo,
    branch: outcome.evidence?.branch ?? null,
    ...(outcome.evidence && { head: outcome.evidence.head }),
    ...(workerId !== undefined && { workerId }),
    ...(outcome.model !== undefined && { model: outcome.model }),
    summary: outcome.summary,
    ...(outcome.denials.length > 0 && { denied: countDenials(outcome.denials) }),
    endedAt: new Date().toISOString(),
  };
}

/** An announcement within its bound of 1 KB; its id is the same however often it is made. */
export function announce(
  input: Pick<SubagentInput, 'session' | 'label' | 'run'>,
  ids: { workflowId: string; runId: string },
  what: Pick<Announcement, 'kind' | 'status' | 'summary'> & { key: string },
): Announcement {
  const { key, kind, status, summary } = what;
  const { session, label, run } = input;
  const at = new Date().toISOString();
  return withSummary(
    { id: `${label}@${run}:${key}`, kind, session, label, run, ...ids, status, at },
    summary,
  );
}

/** The way a workflow closes that was neither completed nor cancelled. */
export function asFailure(outcome: Outcome): ApplicationFailure {
  const { status, summary } = outcome;
  return ApplicationFailure.create({
    message: `${status}: ${summary}`,
    type: status,
    nonRetryable: true,
    details: [outcome],
  });
}
