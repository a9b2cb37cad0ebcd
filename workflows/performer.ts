/** Performs the steps that `lifecycle.ts` decides: activities, waits, announcements. */
import { ActivityFailure, ApplicationFailure, sleep, uuid4, workflowInfo } from '@temporalio/workflow';
import {
  ACTIVITY_FAILURES,
  oneLine,
  SESSION,
  type AnnounceSignal,
  type Announcement,
  type Failure,
  type Lost,
  type ResolvedSpec,
  type StopInput,
  type StopResult,
  type SubagentInput,
  type SubagentRef,
  type SubagentView,
  type TurnInput,
  type Workspace,
} from '../src/contract/index.ts';
import { control, isLost, orLost, worker } from './activity-calls.ts';
import { Board } from './board.ts';
import { Inbox } from './inbox.ts';
import { hold, spend, type Happened, type Life, type Step } from './life.ts';
import { announce } from './outcome.ts';
import { promptOf } from './prompt.ts';
import { Questions } from './questions.ts';
import { Room } from './room.ts';
import { tellSession } from './tell.ts';

/** What `stopSubagent` does, for the Web UI. */
const STOPPING: Readonly<Record<StopInput['mode'], string>> = {
  kill: 'kill: abort its turn, end its processes, give its room back',
  end: 'end: look for processes that it left, give its room back',
  pause: 'pause: give its room back until it is answered',
};

type Stopped = Omit<Extract<StopResult, { kind: 'stopped' }>, 'kind'>;

export class Performer {
  readonly ids: { workflowId: string; runId: string };
  readonly inbox: Inbox;
  readonly questions = new Questions();
  readonly room: Room;
  readonly board: Board;
  readonly #input: SubagentInput;
  readonly #spec: ResolvedSpec;
  readonly #ref: SubagentRef;
  #workspace: Workspace | undefined;
  #turn: number | undefined;
  #announced = 0;

  /** `current` and `update` read and change the life that the workflow holds. */
  constructor(input: SubagentInput, current: () => Life, update: (life: Life) => void) {
    const { workflowId, firstExecutionRunId } = workflowInfo();
    this.#input = input;
    this.#spec = input.spec;
    this.ids = { workflowId, runId: firstExecutionRunId };
    this.#ref = {
      session: input.session,
      label: input.label,
      run: input.run,
      ...this.ids,
      copilotSessionId: uuid4(),
    };
    this.room = new Room(this.#ref, input.spec.hostQueue);
    this.inbox = new Inbox({
      turnRuns: () => this.#turn !== undefined,
      deliver: ({ id, message }) => this.#deliver(id, message),
      hold: (steer) => update(hold(current(), steer)),
      during: () => this.board.status,
      changed: () => this.board.show(current()),
    });
    this.board = new Board(input, this);
  }

  /** Performs one step and tells what happened. Throws only when the workflow is cancelled, or a bug shows. */
  async perform(step: Exclude<Step, { do: 'end' }>, life: Life): Promise<Happened> {
    switch (step.do) {
      case 'prepare':
        return this.#prepare();
      case 'turn':
        return this.#runTurn(step, life);
      case 'pause':
        this.board.become('working', `tries again in ${Math.round(step.ms / 1000)} s: ${step.why}`);
        await sleep(step.ms, { summary: `before turn ${life.turn} is tried again` });
        return { type: 'went-on' };
      case 'report-stuck':
        await this.#announce(
          'stuck',
          `no sign of life for ${Math.round(step.silentMs / 1000)} s; was doing: ${step.doing}`,
        );
        return { type: 'went-on' };
      case 'ask':
        return this.#ask(step);
      case 'collect':
        return this.#collect();
      case 'verify':
        return this.#verify(life);
    }
  }

  /** Ends the Copilot session, gives the room back and (but for `pause`) sweeps; `undefined` where nothing had been started. */
  async stop(mode: StopInput['mode']): Promise<Stopped> {
    const { workerId } = this.room;
    if (workerId === undefined) return {};
    this.board.become(mode === 'pause' ? 'asking' : 'stopping');
    const input: StopInput = {
      subagent: this.#ref,
      mode,
      ...(this.#spec.isolation === 'in-place' && mode !== 'pause' && { inPlaceRepo: this.#spec.repo }),
    };
    for (;;) {
      const answer = await orLost(
        control(workerId).stopSubagent.executeWithOptions({ summary: STOPPING[mode] }, [input]),
      );
      if (!isLost(answer)) return answer;
    }
  }

  /** After a kill: what the subagent had written is kept on its branch, and what it had used is counted. */
  async salvage(before: Life, { cutShort }: Stopped): Promise<Life> {
    const life = cutShort ? spend(before, cutShort.usage, cutShort.model) : before;
    const workspace = this.#workspace;
    if (!workspace || this.room.workerId === undefined) return life;
    const happened = await this.#collect();
    return happened.type === 'collected'
      ? { ...life, evidence: happened.evidence, notes: [...life.notes, ...happened.notes] }
      : life;
  }

  /** What the `describe` query answers. */
  view(life: Life): SubagentView {
    return {
      status: this.board.status,
      since: this.board.since,
      turns: life.turn,
      copilotSessionId: this.#ref.copilotSessionId,
      ...(this.room.workerId !== undefined && { workerId: this.room.workerId }),
      ...(this.#workspace && { branch: this.#workspace.branch, cwd: this.#workspace.cwd }),
      ...(this.board.waitingFor !== undefined && { waitingFor: this.board.waitingFor }),
      steers: this.inbox.steers,
      questions: this.questions.open,
      notes: [...life.notes],
    };
  }

  async #prepare(): Promise<Happened> {
    try {
      const workspace = await this.#withRoom('preparing', (workerId) =>
        worker(workerId).prepareWorkspace.executeWithOptions(
          { summary: `${this.#spec.isolation} of ${this.#spec.repo}` },
          [{ subagent: this.#ref, spec: this.#spec }],
        ),
      );
      this.#workspace = workspace;
      this.board.branch = workspace.branch;
      return { type: 'prepared', notes: workspace.notes };
    } catch (error) {
      return { type: 'unprepared', failure: failureOf(error) };
    }
  }

  async #runTurn(step: Extract<Step, { do: 'turn' }>, life: Life): Promise<Happened> {
    if (step.room === 'retake' && this.room.taken) this.room.lose();
    await this.#takeRoom();
    this.board.become('working');
    this.board.show(life);
    const input: TurnInput = {
      subagent: this.#ref,
      cwd: this.workspace.cwd,
      turn: life.turn,
      prompt: promptOf(life.opening, this.#spec.task, life.steers),
      ...(life.opening.kind === 'answers' && { answers: life.opening.answers }),
      ...(this.#spec.model !== undefined && { model: this.#spec.model }),
      ...(this.#spec.thinking && { thinking: this.#spec.thinking }),
      budgetMs: Math.max(1, this.#spec.timeoutMs - life.workedMs),
      stuckAfterMs: this.#spec.stuckAfterMs * 2 ** Math.min(life.stalls, 8),
      lostBefore: life.lost,
    };
    const began = Date.now();
    this.#turn = life.turn;
    try {
      const call = worker(this.#workerId).runTurn.executeWithOptions(
        { summary: `turn ${life.turn} of ${this.#input.label}` },
        [input],
      );
      const result = await orLost(call);
      return { type: 'turn', result, elapsedMs: Date.now() - began };
    } finally {
      this.#turn = undefined;
    }
  }

  async #ask({ questions }: Extract<Step, { do: 'ask' }>): Promise<Happened> {
    const answers = this.questions.ask(questions);
    await this.stop('pause');
    await this.room.left();
    await this.#announce('question', questions.map(({ question }) => question).join(' / '));
    return { type: 'answered', answers: await answers };
  }

  async #collect(): Promise<Happened> {
    try {
      const answer = await this.#onWorker(() =>
        worker(this.#workerId).collectEvidence.executeWithOptions(
          { summary: 'commit what is left, gather evidence' },
          [{ subagent: this.#ref, spec: this.#spec, workspace: this.workspace }],
        ),
      );
      return { type: 'collected', evidence: answer.evidence, notes: answer.notes };
    } catch (error) {
      return { type: 'uncollected', failure: failureOf(error) };
    }
  }

  async #verify(life: Life): Promise<Happened> {
    const began = Date.now();
    const answer = await this.#withRoom('verifying', (workerId) =>
      worker(workerId).verifyCommit.executeWithOptions(
        { summary: this.#spec.verify.join(' && ').slice(0, 100) },
        [
          {
            subagent: this.#ref,
            cwd: this.workspace.cwd,
            head: life.evidence?.head ?? this.workspace.base,
            isolation: this.#spec.isolation,
            commands: this.#spec.verify,
          },
        ],
      ),
    );
    return {
      type: 'verified',
      verifications: answer.verifications,
      problem: answer.problem,
      notes: answer.notes,
      elapsedMs: Date.now() - began,
    };
  }

  #deliver(steerId: string, message: string) {
    return orLost(
      control(this.#workerId).deliverSteer.executeWithOptions({ summary: `steer: ${oneLine(message, 60)}` }, [
        { subagent: this.#ref, steerId, message, turn: this.#turn ?? 0 },
      ]),
    );
  }

  /** Work that needs room: repeated, after room is taken again, as often as its worker dies under it. */
  async #withRoom<T>(
    status: 'preparing' | 'verifying',
    call: (workerId: string) => Promise<T | Lost>,
  ): Promise<T> {
    for (;;) {
      await this.#takeRoom();
      this.board.become(status);
      const answer = await orLost(call(this.#workerId));
      if (!isLost(answer)) return answer;
      this.room.lose();
    }
  }

  /** Work that is done on the worker whether or not there is room. */
  async #onWorker<T>(call: () => Promise<T | Lost>): Promise<T> {
    for (;;) {
      const answer = await orLost(call());
      if (!isLost(answer)) return answer;
    }
  }

  async #takeRoom(): Promise<void> {
    if (this.room.taken) return;
    const { workerId } = this.room;
    this.board.become(
      'queued',
      workerId === undefined ? 'waits for room on a worker' : `waits for room on worker ${workerId}`,
    );
    await this.room.take();
  }

  async #announce(kind: Announcement['kind'], summary: string): Promise<void> {
    const key = `${kind}:${++this.#announced}`;
    const signal: AnnounceSignal = {
      announcement: announce(this.#input, this.ids, { key, kind, status: this.board.status, summary }),
    };
    await tellSession(this.#input.session, SESSION.announce, signal);
  }

  get #workerId(): string {
    return must(this.room.workerId, 'a worker');
  }

  private get workspace(): Workspace {
    return must(this.#workspace, 'a workspace');
  }
}

function must<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw ApplicationFailure.nonRetryable(`a step needs ${what} and there is none`, 'INTERNAL');
  return value;
}

/** The failure that an activity reported. Anything but a reported failure (a cancellation, a bug) is thrown on. */
function failureOf(error: unknown): Failure {
  if (error instanceof ActivityFailure && error.cause instanceof ApplicationFailure) {
    const { type, message, details } = error.cause;
    const remedy = (details?.[0] as { remedy?: string } | undefined)?.remedy;
    const known =
      type === ACTIVITY_FAILURES.refused
        ? 'refused'
        : type === ACTIVITY_FAILURES.workspace
          ? 'workspace'
          : 'internal';
    return { class: known, message, ...(remedy !== undefined && { remedy }) };
  }
  throw error;
}
