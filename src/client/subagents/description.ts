/** Describes one subagent, from its session, the server, its workflow and its heartbeats. */
import {
  CHAIN,
  DOING,
  isChain,
  isFinal,
  SubagentsError,
  type Outcome,
  type StepView,
  type SubagentView,
  type SubagentDescription,
} from '../../contract/index.ts';
import { absenceOf, WorkerPresence } from '../connection/absence.ts';
import { inspect, type Inspection } from './inspect.ts';
import type { Link } from '../connection/link.ts';
import { workflowUrl } from '../connection/links.ts';
import { awaitOutcome } from '../sessions/outcomes.ts';
import { queryWorkflow, isUnanswered } from '../connection/query.ts';
import { silenceNote, explainUnanswered } from '../connection/silence.ts';
import { stallOf } from './stall.ts';
import type { KnownRun } from '../listing/runs.ts';
import { readView } from './view.ts';

/** How long the outcome of a run that has ended may take to read, in milliseconds. */
const OUTCOME_TIMEOUT_MS = 5_000;

/** See `SubagentHandle.describe`. */
export async function describeRun(link: Link, run: KnownRun): Promise<SubagentDescription> {
  const inspected = await inspect(link, run);
  const over = inspected === undefined ? isFinal(run.status) : !inspected.open;
  // One that is announced closes with the next step of its workflow, for which a busy server can take seconds.
  const isSaidToBeOver = isFinal(run.status) || (inspected !== undefined && isFinal(inspected.status));
  const chain = isChain(run);
  const [view, outcome, steps] = await Promise.all([
    inspected === undefined || chain ? undefined : readView(link, run),
    over || isSaidToBeOver ? readOutcome(link, run) : undefined,
    chain && !over ? readSteps(link, run) : undefined,
  ]);
  const unanswered = view instanceof SubagentsError;
  const away =
    inspected && !over && !chain
      ? await absenceOf(inspected, new WorkerPresence(link), !unanswered)
      : undefined;
  const answer = unanswered ? undefined : view;
  const stalled = inspected && stallOf(inspected, { away });
  const notes = [...(outcome?.notes ?? answer?.notes ?? [])];
  if (unanswered) notes.push(silenceNote(await explainUnanswered(link, run, view)));
  if (inspected === undefined)
    notes.push('the server has deleted the history of this run: this is what its session still has');
  return {
    ...knownFields(run, inspected),
    ...currentFields(run, inspected, answer),
    ...(stalled && { stalled }),
    ...(away && { away }),
    ...(answer && {
      cwd: answer.cwd,
      copilotSessionId: answer.copilotSessionId,
      workerId: answer.workerId,
      permissions: answer.permissions,
    }),
    branch: outcome?.evidence?.branch ?? answer?.branch ?? run.branch,
    model: outcome?.model ?? inspected?.progress?.model ?? inspected?.model ?? run.model,
    usage: outcome?.usage ?? inspected?.progress?.usage,
    turns: outcome?.turns ?? answer?.turns ?? 0,
    ...(chain && { steps: outcome?.steps ?? steps ?? [] }),
    questions: answer?.questions ?? [],
    approvals: answer?.approvals ?? [],
    steers: answer?.steers ?? [],
    audit: [...(outcome?.audit ?? answer?.audit ?? []), ...(run.merged ? [run.merged] : [])],
    outcome,
    url: workflowUrl(link.server, run.workflowId, run.runId),
    ...(run.cleaned && { cleaned: run.cleaned }),
    workerless: unanswered,
    notes,
  };
}

function knownFields(run: KnownRun, inspected: Inspection | undefined) {
  return {
    session: run.session,
    label: run.label,
    run: run.run,
    workflowId: run.workflowId,
    runId: run.runId,
    startedAt: run.startedAt,
    endedAt: run.endedAt ?? inspected?.endedAt,
    task: run.task,
    repo: run.repo,
  };
}

/** The status of a subagent, and what it is doing. */
function currentFields(run: KnownRun, inspected: Inspection | undefined, view: SubagentView | undefined) {
  const status = inspected?.status ?? run.status;
  const progress = status === 'working' || status === 'preparing' ? inspected?.progress : undefined;
  const fallback = isFinal(status)
    ? (run.summary ?? status)
    : isChain(run)
      ? 'its steps are at work'
      : (view?.waitingFor ?? DOING[status]);
  return {
    status,
    doing: progress?.doing ?? fallback,
    since:
      progress?.since ??
      (isFinal(status) ? (run.endedAt ?? inspected?.endedAt) : view?.since) ??
      run.startedAt,
    lastEventAt: progress?.lastEventAt,
    lastMessage: progress?.lastMessage,
  };
}

/** The steps of a live chain; undefined when its workflow does not answer. */
async function readSteps(link: Link, run: KnownRun): Promise<readonly StepView[] | undefined> {
  try {
    return await queryWorkflow<StepView[]>(link, run, CHAIN.progress);
  } catch (error) {
    if (isUnanswered(error)) return undefined;
    throw error;
  }
}

/** The outcome of a run that has ended; `undefined` when it left none that can be read. */
async function readOutcome(link: Link, run: KnownRun): Promise<Outcome | undefined> {
  try {
    return await awaitOutcome(link, run, { timeoutMs: OUTCOME_TIMEOUT_MS });
  } catch {
    return undefined;
  }
}
