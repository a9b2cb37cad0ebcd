/** One subagent, from its start to the signal that tells its session how it ended. */
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
  patched,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import {
  finalStatus,
  forgetRequest,
  kindOf,
  oneLine,
  SESSION,
  SUBAGENT,
  type AnswerRequest,
  type EndedSignal,
  type FinalStatus,
  type ForgetRequest,
  type Outcome,
  type Placed,
  type Receipt,
  type ResolvedSpec,
  type SteerRequest,
  type SubagentInput,
  type SubagentView,
  type SweepReport,
} from '../src/contract/index.ts';
import { begin, settle, type Life, type Rules, type Step } from './life.ts';
import { next } from './lifecycle.ts';
import { announce, asFailure, entryOf, outcomeOf } from './outcome.ts';
import { NO_SWEEP, type Stopped } from './on-worker.ts';
import { Performer } from './performer.ts';
import { tellSession } from './tell.ts';

const steer = defineSignal<[SteerRequest]>(SUBAGENT.steer);
const steerWithReceipt = defineUpdate<Receipt, [SteerRequest]>(SUBAGENT.steerWithReceipt);
const answer = defineUpdate<string, [AnswerRequest]>(SUBAGENT.answer);
const describe = defineQuery<SubagentView>(SUBAGENT.describe);
const tryAgain = defineSignal(SUBAGENT.tryAgain);
const forget = defineSignal<[ForgetRequest]>(SUBAGENT.forget);
const placed = defineSignal<[Placed]>(SUBAGENT.placed);

export async function subagent(input: SubagentInput): Promise<Outcome> {
  let [life, step]: [Life, Step] = begin();
  const work = new Performer(
    input,
    () => life,
    (changed) => (life = changed),
  );

  setHandler(placed, (where) => work.room.placed(where));
  setHandler(tryAgain, () => work.tryAgain());
  setHandler(steerWithReceipt, (request) => work.inbox.accept(request), {
    validator: (request: SteerRequest) => void work.inbox.parse(request),
  });
  setHandler(steer, async (request) => {
    try {
      await work.inbox.accept(request);
    } catch {
      work.board.late.push('a steer could not be read, or came after the end');
    }
  });
  setHandler(answer, (request) => work.questions.answer(request), {
    validator: (request: AnswerRequest) => void work.questions.parse(request),
  });
  setHandler(describe, () => work.view(life));
  // Anybody may signal: what does not fit its schema is left out.
  setHandler(forget, (request) => {
    const parsed = forgetRequest.safeParse(request);
    if (parsed.success) work.forget(parsed.data);
  });

  try {
    while (step.do !== 'end') {
      work.board.show(life);
      const happened = await work.perform(step, life);
      // A steer in flight may turn out too late for its turn: it must be held before the next decision. But one that
      // waits for a turn that was lost can only get into that when it is taken up again.
      if (work.inbox.settled || !work.turnLost || !patched('steer-into-lost-turn'))
        await condition(() => work.inbox.settled);
      [life, step] = next(life, happened, rulesOf(input.spec, life));
    }
    const { verdict } = step;
    return await CancellationScope.nonCancellable(async () => {
      work.inbox.closed = `${input.label} is ending as ${verdict.status}`;
      const stopped = await work.stop('end', life.evidence);
      noteProblem(stopped);
      noteMoved(stopped);
      life = settle(life, stopped.cutShort);
      return conclude(verdict.status, stopped.sweep, verdict.failure);
    });
  } catch (error) {
    if (error instanceof ApplicationFailure && finalStatus.safeParse(error.type).success) throw error; // an outcome
    const asked = CancellationScope.current().consideredCancelled;
    return await CancellationScope.nonCancellable(async () => {
      if (work.forgotten) return giveUp(work.forgotten);
      const killed = isCancellation(error);
      work.inbox.closed = `${input.label} is ${killed ? 'being killed' : 'ending as failed'}`;
      let sweep: SweepReport | undefined = NO_SWEEP;
      try {
        const stopped = await work.stop('kill');
        sweep = stopped.sweep;
        noteProblem(stopped);
        life = await work.salvage(life, stopped);
      } catch (later) {
        if (work.forgotten) return giveUp(work.forgotten);
        // Its session must hear of its end all the same.
        noteProblem({ problem: String(later) });
        life = settle(life);
      }
      if (!killed)
        return conclude('failed', sweep, { class: 'internal', message: rootCause(error) ?? String(error) });
      const outcome = await conclude('killed', sweep);
      // Only a cancellation that was asked for can close a workflow as cancelled.
      throw asked ? error : asFailure(outcome);
    });
  }

  function noteProblem({ problem }: Pick<Stopped, 'problem'>): void {
    if (problem === undefined) return;
    life = {
      ...life,
      notes: [...life.notes, `its worker could not end it in order: ${oneLine(problem, 300)}`],
    };
  }

  /** What came onto its branch after its work was collected is in nothing that is reported. */
  function noteMoved({ movedTo }: Pick<Stopped, 'movedTo'>): void {
    const { branch, head } = life.evidence ?? {};
    if (movedTo === undefined || branch == null || head === undefined) return;
    const what = movedTo === null ? 'was deleted' : `was moved to ${movedTo}`;
    const note = `the branch ${branch} ${what} after its work was collected, perhaps by something it had left running: what is reported is ${head}`;
    life = { ...life, notes: [...life.notes, note] };
  }

  /** Its worker was given up: nothing of it can be stopped or collected any more, and the outcome says so. */
  async function giveUp({ reason, head }: ForgetRequest): Promise<Outcome> {
    work.inbox.closed = `${input.label} is ending as lost`;
    work.room.close();
    const commit = life.evidence?.head ?? head ?? work.base;
    const known = commit === undefined ? 'it had no commit' : `its last known commit is ${commit}`;
    const note = 'its worker was given up: whether processes of it are left there is not known';
    life = settle({ ...life, notes: [...life.notes, note] });
    return conclude('lost', undefined, { class: 'worker', message: `lost: ${reason}; ${known}` }, commit);
  }

  /** The last act: the panel, the memo, the signal to the session; then the outcome in the way its status closes a workflow. */
  async function conclude(
    status: FinalStatus,
    sweep?: SweepReport,
    failure?: Outcome['failure'],
    head?: string,
  ): Promise<Outcome> {
    const outcome = outcomeOf(input, life, { status, failure, sweep, ...work.board.durations() });
    work.board.finish(life, outcome);
    // A cancelled workflow has no result: its outcome stays readable in the memo.
    if (status === 'killed') upsertMemo({ outcome });
    const ended: EndedSignal = {
      announcement: announce(input, work.ids, {
        key: 'ended',
        kind: kindOf(status),
        status,
        summary: outcome.summary,
      }),
      entry: {
        ...entryOf(
          input,
          { ...work.ids, startedAt: work.board.startedAt, workerId: work.room.workerId },
          outcome,
        ),
        ...(head !== undefined && { head, branch: work.board.branch ?? null }),
      },
      ...(sweep && { sweep }),
    };
    await Promise.all([
      tellSession(input.session, SESSION.ended, ended),
      work.room.left(),
      condition(allHandlersFinished),
    ]);
    if (status === 'done' || status === 'killed') return outcome;
    throw asFailure(outcome);
  }
}

/** Asked anew for every decision: what a repository says that is named by URL is in the spec only once it is cloned. */
function rulesOf(spec: ResolvedSpec, life: Life): Rules {
  return {
    timeoutMs: spec.timeoutMs,
    maxRepairs: spec.maxRepairs,
    verify: spec.verify.length > 0,
    // Absent in runs that an earlier version started.
    setUp: ((spec.setup as readonly string[] | undefined) ?? []).length > 0,
    output: spec.output !== undefined,
    push: spec.push ?? false,
    budget: spec.budget,
    // Runs of before ended there.
    heldOpens: () => patched('held-opens'),
    // Runs of before forgot that.
    goneCounts: () => patched('gone-counts'),
    onStuck: spec.onStuck,
    ...(life.lost > 0 && { lossesAnew: patched('losses-anew') }),
    ...(life.losses > 0 && { furtherAnew: patched('further-anew') }),
    seed: Number.parseInt(workflowInfo().runId.slice(0, 8), 16),
  };
}
