/** Builds a subagent's outcome, and the session entry and announcements made from it. */
import { ApplicationFailure } from '@temporalio/common';
import {
  blocking,
  BOUNDED_RESOURCES,
  byteLength,
  caveatOf,
  countDenials,
  fitted,
  head,
  endKind,
  kindsOf,
  MAX_REPORT_CHARS,
  MAX_SUMMARY_CHARS,
  oneLine,
  orderCaveats,
  plural,
  type Announcement,
  type Caveat,
  type Denial,
  type Failure,
  type FinalStatus,
  type Outcome,
  type Push,
  type SessionEntry,
  type SubagentInput,
  type SweepReport,
  withCaveats,
  withSummary,
} from '../../src/contract/index.ts';
import { ignoredSignalNotes } from '../shared/ignored-signals.ts';
import { listedApprovals } from './approvals.ts';
import type { SubagentState } from './state.ts';

/** Bytes of an outcome as JSON, not counting the data and the files that are handed on; and bytes of its notes. */
const MAX_OUTCOME_BYTES = 900_000;
const MAX_NOTES_BYTES = 100_000;

/** How a subagent ended. */
export interface Ending {
  readonly status: FinalStatus;
  readonly failure?: Failure | undefined;
  readonly sweep?: SweepReport | undefined;
  /** The worker that has its workspace; undefined if it never had one. */
  readonly workerId?: string | undefined;
  readonly queuedMs: number;
  readonly totalMs: number;
}

/** The outcome, shortened to fit into one payload. Data and files that are handed on stay whole. */
export function outcomeOf(input: SubagentInput, state: SubagentState, ending: Ending): Outcome {
  const { output, artifacts, ...told } = wholeOutcome(input, state, ending);
  return {
    ...fitted({ ...told, notes: fittedNotes(told.notes) }, MAX_OUTCOME_BYTES),
    ...(output !== undefined && { output }),
    ...(artifacts && { artifacts }),
  };
}

/** The first notes, as many as fit into one payload, and the count of the others. */
export function fittedNotes(notes: readonly string[]): string[] {
  let bytes = 0;
  const kept = notes.filter((note) => (bytes += byteLength(note)) <= MAX_NOTES_BYTES);
  const more = notes.length - kept.length;
  return more === 0 ? kept : [...kept, `${plural(more, 'more note')} left out for lack of room`];
}

function wholeOutcome(input: SubagentInput, state: SubagentState, ending: Ending): Outcome {
  const push = pushOf(state, ending);
  const model = state.model ?? state.spec.model;
  const approvals = listedApprovals(state.approvals);
  return {
    status: ending.status,
    label: input.label,
    session: input.session,
    run: input.run,
    summary: summaryOf(state, ending),
    report: head(state.report, MAX_REPORT_CHARS),
    ...reportChars(state),
    ...(state.output !== undefined && { output: state.output }),
    ...(ending.status === 'done' && state.artifacts && { artifacts: { ...state.artifacts } }),
    ...(ending.failure && { failure: ending.failure }),
    caveats: orderCaveats([...state.caveats, ...reportCaveats(state, ending)]),
    ...(state.evidence && { evidence: state.evidence }),
    ...(state.setup.length > 0 && { setup: [...state.setup] }),
    ...(push && { push }),
    ...(state.saved && { saved: state.saved }),
    verifications: [...state.verifications],
    repairs: state.repairs,
    turns: state.turn,
    ...(ending.workerId !== undefined && { worker: ending.workerId }),
    ...(model !== undefined && { model }),
    usage: state.usage,
    durations: {
      queuedMs: ending.queuedMs,
      workingMs: state.workedMs - state.verifyingMs,
      verifyingMs: state.verifyingMs,
      totalMs: ending.totalMs,
    },
    ...(ending.sweep && { sweep: ending.sweep }),
    permissions: state.spec.permissions,
    denials: [...state.denials],
    ...(approvals.length > 0 && { approvals }),
    loaded: [...state.loaded],
    audit: [...state.audit],
    notes: [
      ...state.notes,
      ...ignoredSignalNotes(state.ignoredSignals),
      ...pushNotes(state, ending),
      ...denialNotes(state),
      ...approvalNotes(state),
      ...undelivered(state),
    ],
  };
}

/** Caveats from the last message, only for a subagent that is done. */
function reportCaveats({ report, cut, evidence }: SubagentState, { status }: Ending): Caveat[] {
  if (status !== 'done') return [];
  if (cut) return [caveatOf('cut-report', 'its last message was cut off by the model’s output limit')];
  const didNothing = report.trim() === '' && (evidence?.commitCount ?? 0) === 0;
  return didNothing ? [caveatOf('empty-report', 'its last message is empty, and it made no commit')] : [];
}

/** Length of the final message if the outcome has only its beginning. */
function reportChars({ report, reportChars = report.length }: SubagentState): Pick<Outcome, 'reportChars'> {
  return reportChars > MAX_REPORT_CHARS ? { reportChars } : {};
}

function summaryOf(state: SubagentState, { status, failure, sweep }: Ending): string {
  if (failure) return oneLine(failure.message, MAX_SUMMARY_CHARS);
  if (status === 'killed')
    return `killed in turn ${state.turn}; ${sweep ? processes(sweep) : 'no process had been started'}`;
  if (status === 'timed-out') return `used up its working time in turn ${state.turn}`;
  return oneLine(state.report, MAX_SUMMARY_CHARS) || 'finished without a final message';
}

function processes({ found, left, proof }: SweepReport): string {
  if (proof === 'unproven') return 'not proven that no process is left';
  return `${found} ${found === 1 ? 'process' : 'processes'} found, ${left.length} left`;
}

function denialNotes({ spec, denials }: SubagentState): string[] {
  const isBound = ({ tool }: Denial): boolean => BOUNDED_RESOURCES.some((each) => each === tool);
  const count = countDenials(denials.filter((each) => !isBound(each)));
  const ended = denials.filter(isBound);
  const calls = count === 1 ? '1 tool call was' : `${count} tool calls were`;
  const commands = countDenials(ended) === 1 ? '1 command was' : `${countDenials(ended)} commands were`;
  const { permissions, sandbox, policy, repositoryPolicy } = spec;
  const by = [
    ...(permissions === 'all' ? [] : [`its permissions (${permissions})`]),
    ...(sandbox ? ['its sandbox'] : []),
    ...(policy || repositoryPolicy ? ['a policy'] : []),
  ];
  return [
    // The worker's policy is not in the spec.
    ...(count === 0 ? [] : [`${calls} denied by ${by.join(' or ') || 'a policy of its worker'}`]),
    ...(ended.length === 0
      ? []
      : [
          `${commands} ended, because its sandbox took more than it may: ${ended.map(({ tool, what }) => `${tool} (${what})`).join(', ')}`,
        ]),
  ];
}

/** Notes about approvals that a reader of the outcome must know. */
function approvalNotes({ approvals: { decided, dropped } }: SubagentState): string[] {
  const open = decided.filter(({ decision }) => decision === 'withdrawn').length;
  return [
    ...(open === 0 ? [] : [`it ended while ${plural(open, 'tool call')} waited for an approval`]),
    ...(dropped === 0 ? [] : [`${plural(dropped, 'older approval')} left out for lack of room`]),
  ];
}

/** The result of the push, or why the branch was not pushed although that was requested. */
function pushOf({ spec, push, evidence, caveats }: SubagentState, { status }: Ending): Push | undefined {
  if (!spec.push || evidence === undefined || push?.commit === evidence.head || status !== 'done')
    return push;
  const why = blocking(caveats).map(({ text }) => text);
  const problem = `not pushed without force: ${oneLine(why.join('; '), 600)}`;
  return { remote: spec.repo, commit: evidence.head, problem };
}

function pushNotes({ spec, push, evidence }: SubagentState, { status }: Ending): string[] {
  if (!spec.push || evidence === undefined || push?.commit === evidence.head || status === 'done') return [];
  return ['its branch was not pushed, because the subagent is not done'];
}

/** Notes about steers that no turn received. */
function undelivered({ held }: SubagentState): string[] {
  return held.map(({ message }) => `a message was not delivered before the end: ${oneLine(message, 200)}`);
}

/** The session's entry of a finished run. */
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
    ...(outcome.caveats.length > 0 && { caveats: kindsOf(outcome.caveats) }),
    ...(outcome.denials.length > 0 && { denied: countDenials(outcome.denials) }),
    tokens: outcome.usage.inputTokens + outcome.usage.outputTokens,
    endedAt: new Date().toISOString(),
  };
}

/** An announcement of at most 1 KB. The same `key` always gives the same id. */
export function announce(
  input: Pick<SubagentInput, 'session' | 'label' | 'run'>,
  ids: { workflowId: string; runId: string },
  what: Pick<Announcement, 'kind' | 'status' | 'summary' | 'caveats' | 'approval'> & { key: string },
): Announcement {
  const { key, kind, status, summary, caveats, approval } = what;
  const { session, label, run } = input;
  const at = new Date().toISOString();
  return withSummary(
    {
      id: `${label}@${run}:${key}`,
      kind,
      session,
      label,
      run,
      ...ids,
      status,
      ...(caveats && { caveats }),
      ...(approval !== undefined && { approval }),
      at,
    },
    summary,
  );
}

/** The announcement of an end; caveats are included only for a subagent that is done. */
export function announceEnd(
  input: Pick<SubagentInput, 'session' | 'label' | 'run'>,
  ids: { workflowId: string; runId: string },
  { status, summary, caveats }: Outcome,
): Announcement {
  const told = status === 'done' ? caveats : [];
  return announce(input, ids, {
    key: 'ended',
    kind: endKind(status),
    status,
    summary: withCaveats(summary, told),
    ...(told.length > 0 && { caveats: kindsOf(told) }),
  });
}

/** The failure that closes a workflow whose outcome is neither `done` nor `killed`. */
export function asFailure(outcome: Outcome): ApplicationFailure {
  const { status, summary } = outcome;
  const failure = ApplicationFailure.create({
    message: `${status}: ${summary}`,
    type: status,
    nonRetryable: true,
    details: [outcome],
  });
  // The outcome is no bug, so a stack trace would only mislead, and the Web UI shows it first.
  failure.stack = '';
  return failure;
}
