/** The workflow of one subagent, from its start to the signal that reports its end to the session. */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  rootCause,
  setHandler,
  upsertMemo,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import {
  finalStatus,
  forgetRequest,
  slotGrantedSignal,
  SESSION,
  shownIdentity,
  signalName,
  spaceSignal,
  SUBAGENT,
  workerQueue,
  type AnswerReceipt,
  type AuditEntry,
  type AnswerRequest,
  type ApprovalReceipt,
  type ApprovalRequest,
  type EndedSignal,
  type FinalStatus,
  type ForgetRequest,
  type Outcome,
  type Receipt,
  type SteerRequest,
  type SubagentInput,
  type SubagentRef,
  type SubagentView,
  type SweepReport,
} from '../../src/contract/index.ts';
import { AbsenceNotices } from '../session/absence.ts';
import { ActionRunner } from './action-runner.ts';
import { Announcer } from './announcer.ts';
import { ApprovalInbox } from './approval-inbox.ts';
import { GiveUp } from './give-up.ts';
import { SteerInbox } from './inbox.ts';
import { announceEnd, asFailure, entryOf, outcomeOf, type Ending } from './outcome.ts';
import { Pauses } from './pauses.ts';
import { Questions } from './questions.ts';
import { WorkerSlot } from './worker-slot.ts';
import { auditNow, senderOfCancellation, senderOfMessage } from '../shared/sender.ts';
import { handleSignals, handleWithArgument, handleWithoutArgument } from '../shared/signals.ts';
import { SpaceNotices } from './space-notices.ts';
import { StatusPublisher } from './status-publisher.ts';
import { SubagentMachine } from './machine.ts';
import { viewOf } from './view.ts';
import { signalSession } from '../shared/signal-session.ts';
import { NO_SWEEP, WorkerCalls } from './worker-calls.ts';

const steer = defineSignal<[SteerRequest]>(SUBAGENT.steer);
const steerWithReceipt = defineUpdate<Receipt, [SteerRequest]>(SUBAGENT.steerWithReceipt);
const answer = defineUpdate<AnswerReceipt, [AnswerRequest]>(SUBAGENT.answer);
const decideApproval = defineUpdate<ApprovalReceipt, [ApprovalRequest]>(SUBAGENT.decideApproval);
const describe = defineQuery<SubagentView>(SUBAGENT.describe);

export async function subagent(input: SubagentInput): Promise<Outcome> {
  const { workflowId, firstExecutionRunId, runId } = workflowInfo();
  const { session, label, run, spec, by } = input;
  const ids = { workflowId, runId: firstExecutionRunId };
  const copilotSessionId = spec.continues?.copilotSessionId ?? uuid4();
  const ref: SubagentRef = { session, label, run, ...ids, copilotSessionId };

  const machine = new SubagentMachine(spec, Number.parseInt(runId.slice(0, 8), 16));
  const onlyWorker = spec.continues?.workerId ?? spec.worker;
  const slot = new WorkerSlot(ref, onlyWorker === undefined ? spec.hostQueue : workerQueue(onlyWorker));
  const questions = new Questions();
  const approvals = new ApprovalInbox(machine);
  const status = new StatusPublisher(input, { machine, questions, slot });
  const announcer = new Announcer(input, ref, status);
  const giveUp = new GiveUp();
  const notices = new AbsenceNotices({ machine, status, announcer, giveUp });
  const space = new SpaceNotices(status, announcer);
  const worker = new WorkerCalls({ subagent: ref, machine, slot, status, notices });
  const inbox = new SteerInbox({ machine, status, worker, giveUp });
  const pauses = new Pauses({ machine, inbox, questions, approvals, worker, slot, status, announcer });
  const runner = new ActionRunner({ machine, worker, slot, status, pauses });

  const audit = (action: AuditEntry['action'], who: string): void =>
    machine.dispatch({ type: 'acted', entry: auditNow(action, who) });
  audit(spec.continues ? 'continue' : 'spawn', shownIdentity(by));

  const leaveOut = (name: string, why: string): void =>
    machine.dispatch({ type: 'signal-ignored', name, why });
  setHandler(steerWithReceipt, (request) => inbox.accept(request), {
    validator: (request: SteerRequest) => void inbox.parse(request),
  });
  setHandler(steer, async (request) => {
    try {
      await inbox.accept(request);
    } catch (error) {
      leaveOut(SUBAGENT.steer, (error as Error).message);
    }
  });
  setHandler(
    answer,
    (request) => {
      const receipt = questions.answer(request);
      if (!receipt.repeated) audit('answer', senderOfMessage());
      return receipt;
    },
    { validator: (request: AnswerRequest) => void questions.parse(request) },
  );
  setHandler(
    decideApproval,
    (request) => {
      const receipt = approvals.decide(request, senderOfMessage());
      if (!receipt.repeated) audit(request.decision, senderOfMessage());
      return receipt;
    },
    { validator: (request: ApprovalRequest) => void approvals.parse(request) },
  );
  setHandler(describe, () => viewOf({ copilotSessionId, machine, slot, status, inbox, questions }));
  handleSignals(leaveOut, {
    [SUBAGENT.slotGranted]: handleWithArgument(slotGrantedSignal, (where) => slot.granted(where)),
    [SUBAGENT.forget]: handleWithArgument(forgetRequest, (why) => {
      audit('forget', senderOfMessage());
      giveUp.trigger(why);
    }),
    [SUBAGENT.space]: handleWithArgument(spaceSignal, ({ lack }) => space.handleSignal(lack)),
    [SUBAGENT.tryAgain]: handleWithoutArgument(() => pauses.endWait()),
  });

  try {
    while (machine.action.do !== 'end') {
      status.publish();
      const result = await giveUp.race(runner.run(machine.action));
      // A steer in flight may arrive too late for its turn and must then be held before the next decision. If the turn
      // goes on, the steer is not too late, and waiting for it must not keep the turn from being watched.
      if (inbox.settled || machine.state.attempt === 'none') await condition(() => inbox.settled);
      machine.advance(result);
    }
    const { verdict } = machine.action;
    return await CancellationScope.nonCancellable(async () => {
      inbox.closed = `${label} is ending as ${verdict.status}`;
      const sweep = await stop('end');
      await save();
      return conclude(verdict.status, { sweep, failure: verdict.failure });
    });
  } catch (error) {
    if (error instanceof ApplicationFailure && finalStatus.safeParse(error.type).success) throw error; // an outcome
    const asked = CancellationScope.current().consideredCancelled;
    return await CancellationScope.nonCancellable(async () => {
      if (giveUp.request) return endAsLost(giveUp.request);
      const killed = isCancellation(error);
      if (killed) audit('kill', senderOfCancellation());
      inbox.closed = `${label} is ${killed ? 'being killed' : 'ending as failed'}`;
      let sweep: SweepReport | undefined = NO_SWEEP;
      try {
        sweep = await stop('kill');
        await giveUp.race(runner.salvage());
        await save();
      } catch (later) {
        if (giveUp.request) return endAsLost(giveUp.request);
        // The session must be informed of the end in any case.
        machine.dispatch({ type: 'stopped', problem: String(later) });
      }
      if (!killed) {
        const message = rootCause(error) ?? String(error);
        return conclude('failed', { sweep, failure: { class: 'internal', message } });
      }
      const outcome = await conclude('killed', { sweep });
      // Only a requested cancellation can close a workflow as cancelled.
      throw asked ? error : asFailure(outcome);
    });
  }

  /** Ends the Copilot session, releases the slot and sweeps. Does nothing if nothing was started. */
  async function stop(mode: 'kill' | 'end'): Promise<SweepReport | undefined> {
    const { evidence, spec } = machine.state;
    const { cwd, branch, head } = (mode === 'end' && evidence) || {};
    const collected =
      spec.isolation === 'worktree' && cwd && branch && head ? { cwd, branch, head } : undefined;
    const {
      sweep,
      problem,
      movedTo,
      cutShort: used,
    } = await giveUp.race(worker.stop(mode, 'stopping', collected));
    machine.dispatch({ type: 'stopped', problem, movedTo, used });
    return sweep;
  }

  /** Puts the work of a caller's checkout into the store, before the end is said. */
  async function save(): Promise<void> {
    const { evidence, repository, spec } = machine.state;
    if (spec.checkout === undefined || repository === undefined || evidence === undefined) return;
    const problem = await giveUp.race(worker.save(evidence));
    machine.dispatch({ type: 'saved', commit: evidence.head, workerId: slot.workerId, problem });
  }

  /** Ends a subagent whose worker was given up: nothing can be stopped or collected, and the outcome says so. */
  async function endAsLost({ reason, head }: ForgetRequest): Promise<Outcome> {
    inbox.closed = `${label} is ending as lost`;
    slot.close();
    machine.dispatch({ type: 'given-up' });
    const { evidence, workspace } = machine.state;
    const commit = evidence?.head ?? head ?? workspace?.base ?? (spec.continues && spec.base.commit);
    const known = commit === undefined ? 'no commit of it is known' : `its last known commit is ${commit}`;
    const failure = { class: 'worker', message: `lost: ${reason}; ${known}` } as const;
    return conclude('lost', { failure, head: commit });
  }

  /**
   * Publishes the outcome (panel, memo, signal to the session), then completes or fails the workflow according to its
   * status.
   */
  async function conclude(
    final: FinalStatus,
    { sweep, failure, head }: Pick<Ending, 'sweep' | 'failure'> & { readonly head?: string | undefined },
  ): Promise<Outcome> {
    approvals.withdraw();
    const { state } = machine;
    const outcome = outcomeOf(input, state, {
      status: final,
      failure,
      sweep,
      workerId: slot.workerId,
      ...status.durations(),
    });
    status.finish(outcome);
    // A cancelled workflow has no result, so the memo keeps its outcome readable.
    if (final === 'killed') upsertMemo({ outcome });
    const { startedAt } = status;
    const ended: EndedSignal = {
      announcement: announceEnd(input, ids, outcome),
      entry: {
        ...entryOf(input, { ...ids, startedAt, workerId: slot.workerId }, outcome),
        ...(head !== undefined && { head, branch: state.workspace?.branch ?? null }),
      },
      ...(sweep && { sweep }),
    };
    await Promise.all([
      signalSession(session, signalName(SESSION.ended, `${label}, ${final}`), ended),
      slot.released(),
      condition(allHandlersFinished),
    ]);
    if (final === 'done' || final === 'killed') return outcome;
    throw asFailure(outcome);
  }
}
