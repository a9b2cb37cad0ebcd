/** Performs the steps that `lifecycle.ts` decides: activities, waits, announcements. */
import { ApplicationFailure, patched, sleep, uuid4, workflowInfo } from '@temporalio/workflow';
import {
  oneLine,
  SESSION,
  workerQueue,
  type AnnounceSignal,
  type Announcement,
  type ForgetRequest,
  type LiveStatus,
  type ResolvedSpec,
  type Evidence,
  type SubagentInput,
  type SubagentRef,
  type SubagentView,
} from '../src/contract/index.ts';
import { Board } from './board.ts';
import { failureOf, isWorkerDied, setUpFailure } from './failure.ts';
import { Halts } from './halts.ts';
import { Inbox } from './inbox.ts';
import { hold, settle, type Happened, type Life, type Step } from './life.ts';
import { OnWorker, type Stopped } from './on-worker.ts';
import { announce } from './outcome.ts';
import { Questions } from './questions.ts';
import { Room } from './room.ts';
import { tellSession } from './tell.ts';
import { turnInput, workIn } from './turn.ts';

export class Performer {
  readonly ids: { workflowId: string; runId: string };
  readonly inbox: Inbox;
  readonly questions = new Questions();
  readonly room: Room;
  readonly board: Board;
  readonly #input: SubagentInput;
  readonly #spec: ResolvedSpec;
  readonly #ref: SubagentRef;
  readonly #worker: OnWorker;
  readonly #halts: Halts;
  #turn: number | undefined;
  /** Redraws the panel. */
  readonly #show: () => void;
  /** Whether an attempt at the turn was lost or handed back, and the next one has not begun. */
  turnLost = false;
  /** What a step that was cancelled had taken until then. */
  #cutShort = { workedMs: 0, verifyingMs: 0 };
  #announced = 0;
  /** What it waited for before it was known that its worker is away. */
  #waitedFor: string | undefined;
  /** Set when its worker was given up. */
  forgotten: ForgetRequest | undefined;
  #giveUp: ((error: Error) => void) | undefined;
  readonly #forgotten: Promise<never>;
  readonly #note: (text: string) => void;

  /** `current` and `update` read and change the life that the workflow holds. */
  constructor(input: SubagentInput, current: () => Life, update: (life: Life) => void) {
    const { workflowId, firstExecutionRunId } = workflowInfo();
    this.#forgotten = new Promise((_, reject) => (this.#giveUp = reject));
    this.#forgotten.catch(() => undefined);
    this.#input = input;
    this.#note = (text) => update({ ...current(), notes: [...current().notes, text] });
    this.#spec = input.spec;
    this.ids = { workflowId, runId: firstExecutionRunId };
    this.#ref = {
      session: input.session,
      label: input.label,
      run: input.run,
      ...this.ids,
      copilotSessionId: input.spec.continues?.copilotSessionId ?? uuid4(),
    };
    const { hostQueue, continues } = input.spec;
    this.#show = () => this.board.show(current());
    const become = (status: LiveStatus, waitingFor?: string): void => {
      this.board.become(status, waitingFor);
      this.#show();
    };
    this.room = new Room(this.#ref, continues ? workerQueue(continues.workerId) : hostQueue);
    this.#worker = new OnWorker({
      subagent: this.#ref,
      spec: input.spec,
      room: this.room,
      become,
      told: {
        away: (workerId, since) => this.#workerAway(workerId, since),
        back: (workerId, since) => this.#workerBack(workerId, since),
      },
    });
    this.inbox = new Inbox({
      turnRuns: () => this.#turn !== undefined,
      turnLost: () => this.turnLost,
      deliver: (steer) => this.#unlessForgotten(this.#worker.deliver(steer, this.#turn ?? 0)),
      hold: (steer) => update(hold(current(), steer)),
      during: () => this.board.status,
      changed: this.#show,
    });
    this.board = new Board(input, this);
    this.#halts = new Halts({
      inbox: this.inbox,
      questions: this.questions,
      answerTimeoutMs: input.spec.answerTimeoutMs,
      pause: async (meanwhile) => {
        await this.#worker.stop('pause', meanwhile);
        await this.room.left();
      },
      become,
      announce: (kind, summary) => this.#announce(kind, summary),
    });
  }

  /** Performs one step and tells what happened. Throws only when the workflow is cancelled, or a bug shows. */
  perform(step: Exclude<Step, { do: 'end' }>, life: Life): Promise<Happened> {
    return this.#unlessForgotten(this.#perform(step, life));
  }

  /** Gives its worker up: whatever waits for it ends at once, with an error. */
  forget(why: ForgetRequest): void {
    this.forgotten ??= why;
    this.#giveUp?.(ApplicationFailure.nonRetryable(why.reason, 'LOST'));
  }

  async #perform(step: Exclude<Step, { do: 'end' }>, life: Life): Promise<Happened> {
    if (step.do !== 'turn') this.turnLost = false;
    switch (step.do) {
      case 'prepare':
        return this.#prepare();
      case 'set-up':
        return this.#setUp();
      case 'turn':
        return this.#runTurn(step, life);
      case 'pause':
        this.board.become('working', `tries again in ${Math.round(step.ms / 1000)} s: ${step.why}`);
        await sleep(step.ms, { summary: `before turn ${life.turn} is tried again` });
        return { type: 'went-on' };
      case 'report-stuck':
        return this.#halts.reportStuck(step);
      case 'report-budget':
        return this.#halts.reportBudget(step);
      case 'wait':
        return this.#halts.wait(step);
      case 'ask':
        return this.#halts.ask(step);
      case 'collect':
        return this.#collect(life);
      case 'verify':
        return this.#verify(life);
      case 'push':
        return this.#push(life);
    }
  }

  /** Told by a worker that has started, perhaps with what the subagent waits for. */
  tryAgain(): void {
    this.#halts.tryAgain();
  }

  /** Ends the Copilot session, gives the room back and (but for `pause`) sweeps; nothing where nothing had been started. */
  stop(mode: 'kill' | 'end', evidence?: Evidence): Promise<Stopped> {
    const { cwd, branch, head } = evidence ?? {};
    const collected =
      this.#input.spec.isolation === 'worktree' && cwd && branch && head ? { cwd, branch, head } : undefined;
    return this.#unlessForgotten(this.#worker.stop(mode, 'stopping', collected));
  }

  /** After a kill: what the subagent had written is kept on its branch, and what it had used is counted. */
  salvage(before: Life, stopped: Stopped): Promise<Life> {
    return this.#unlessForgotten(this.#salvage(before, stopped));
  }

  async #salvage(before: Life, { cutShort }: Stopped): Promise<Life> {
    const { workedMs, verifyingMs } = this.#cutShort;
    const spent = settle(before, cutShort);
    const life = {
      ...spent,
      workedMs: spent.workedMs + workedMs,
      verifyingMs: spent.verifyingMs + verifyingMs,
    };
    if (!this.#worker.workspace || this.room.workerId === undefined) return life;
    const happened = await this.#collect();
    return happened.type === 'collected'
      ? { ...life, evidence: happened.evidence, notes: [...life.notes, ...happened.notes] }
      : life;
  }

  /** The commit that it started from, once it has a workspace or the workspace of the run before. */
  get base(): string | undefined {
    const { continues, base } = this.#spec;
    return this.#worker.workspace?.base ?? (continues && base.commit);
  }

  /** What the `describe` query answers. */
  view(life: Life): SubagentView {
    const { workspace } = this.#worker;
    const { continues } = this.#spec;
    // Where it will be, of one that goes on in the workspace of the run before.
    const workerId = this.room.workerId ?? continues?.workerId;
    return {
      status: this.board.status,
      since: this.board.since,
      turns: life.turn,
      copilotSessionId: this.#ref.copilotSessionId,
      permissions: this.#spec.permissions,
      ...(workerId !== undefined && { workerId }),
      ...(continues && { branch: continues.branch }),
      ...(workspace && {
        branch: workspace.branch,
        cwd: workspace.cwd,
        base: workspace.base,
        ...(workspace.repository !== undefined && { repository: workspace.repository }),
      }),
      ...(this.board.waitingFor !== undefined && { waitingFor: this.board.waitingFor }),
      steers: this.inbox.steers,
      questions: this.questions.open,
      notes: [...life.notes],
    };
  }

  async #prepare(): Promise<Happened> {
    try {
      const { branch, notes } = await this.#worker.prepare();
      this.board.branch = branch;
      return { type: 'prepared', notes };
    } catch (error) {
      return { type: 'unprepared', failure: failureOf(error) };
    }
  }

  async #setUp(): Promise<Happened> {
    try {
      const { results, notes, problem } = await this.#worker.setUp();
      return { type: 'set-up', results, notes, failure: setUpFailure(problem) };
    } catch (error) {
      return { type: 'set-up', results: [], notes: [], failure: failureOf(error) };
    }
  }

  async #runTurn(step: Extract<Step, { do: 'turn' }>, life: Life): Promise<Happened> {
    let began: number | undefined;
    const begin = (): void => {
      this.board.show(life);
      began = Date.now();
      this.#turn = life.turn;
      this.turnLost = false;
      this.#halts.turnRuns();
    };
    if (step.pause) await this.#pauseBefore(step.pause, step.room);
    const input = turnInput(life, this.#spec, {
      told: this.inbox.steers,
      newConversation: this.#worker.workspace?.newConversation === true,
    });
    try {
      const result = await this.#worker.turn(input, { room: step.room, begin });
      this.turnLost = result.kind === 'lost' || result.kind === 'handed-back';
      // A worker takes it at once, or nobody has worked.
      if (result.kind === 'lost' && result.unbegun) began = undefined;
      const elapsedMs = Date.now() - (began ?? Date.now());
      // Runs of before counted the time for which their worker was away, too; what they were told else has no other time.
      const asDone = result.kind !== 'lost' || patched('work-as-done');
      return { type: 'turn', result, elapsedMs: asDone ? workIn(result, elapsedMs) : elapsedMs };
    } catch (error) {
      if (began !== undefined) this.#cutShort = { workedMs: Date.now() - began, verifyingMs: 0 };
      throw error;
    } finally {
      this.#turn = undefined;
    }
  }

  async #pauseBefore({ ms, why }: { ms: number; why: string }, room: 'keep' | 'retake'): Promise<void> {
    if (room === 'retake' && this.room.taken) this.room.lose();
    this.board.become(
      room === 'retake' ? 'queued' : 'working',
      `tries again in ${Math.round(ms / 1000)} s: ${why}`,
    );
    await sleep(ms, { summary: oneLine(why, 100) });
  }

  /** @param life whose report and files are to be read, where its spec has any */
  async #collect(life?: Life): Promise<Happened> {
    const { output: schema, artifacts: files } = this.#spec;
    const reads = life !== undefined && life.verdict === undefined;
    try {
      const { evidence, notes, output, artifacts } = await this.#worker.collect({
        ...(reads && schema && { report: life.report }),
        ...(reads && files && { artifacts: files }),
      });
      return { type: 'collected', evidence, notes, output, artifacts };
    } catch (error) {
      return { type: 'uncollected', failure: failureOf(error) };
    }
  }

  async #verify({ evidence }: Life): Promise<Happened> {
    // Time that it waits for its worker is none.
    let began = Date.now();
    try {
      const { verifications, problem, reason, notes, workedMs } = await this.#worker.verify(
        evidence,
        () => (began = Date.now()),
      );
      const elapsedMs = Math.min(Date.now() - began, workedMs ?? Infinity);
      return { type: 'verified', verifications, problem, reason, notes, elapsedMs };
    } catch (error) {
      if (isWorkerDied(error)) return { type: 'unverified', failure: failureOf(error) };
      const elapsedMs = Date.now() - began;
      this.#cutShort = { workedMs: elapsedMs, verifyingMs: elapsedMs };
      throw error;
    }
  }

  #unlessForgotten<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#forgotten]);
  }

  async #workerAway(workerId: string, since: string): Promise<void> {
    const waits = this.board.status === 'stopping' ? 'its end waits' : 'it waits';
    this.#waitedFor = this.board.waitingFor;
    this.board.waitingFor = `waits for worker ${workerId}, which is away since ${since}`;
    this.#show();
    await this.#announce('worker-away', `worker ${workerId} is away since ${since}; ${waits} for it`);
  }

  async #workerBack(workerId: string, since: string): Promise<void> {
    if (this.forgotten) return;
    this.board.waitingFor = this.#waitedFor;
    if (this.board.status === 'stopping')
      this.#note(`its end waited for worker ${workerId}, away from ${since} to ${new Date().toISOString()}`);
    this.#show();
    await this.#announce('notice', `worker ${workerId} is back`);
  }

  async #push({ evidence }: Life): Promise<Happened> {
    if (evidence === undefined) throw new Error('nothing was collected to push');
    try {
      return { type: 'pushed', push: await this.#worker.push(evidence) };
    } catch (error) {
      const { message: problem } = failureOf(error);
      return { type: 'pushed', push: { remote: this.#spec.repo, commit: evidence.head, problem } };
    }
  }

  async #announce(kind: Announcement['kind'], summary: string): Promise<void> {
    const key = `${kind}:${++this.#announced}`;
    const signal: AnnounceSignal = {
      announcement: announce(this.#input, this.ids, { key, kind, status: this.board.status, summary }),
    };
    await tellSession(this.#input.session, SESSION.announce, signal);
  }
}
