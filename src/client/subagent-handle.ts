import { randomUUID } from 'node:crypto';
import {
  isFinal,
  labelProblem,
  steerRequest,
  SUBAGENT,
  SubagentsError,
  subagentWorkflowId,
  type ContinueSpec,
  type Outcome,
  type Receipt,
  type TranscriptEntry,
} from '../contract/index.ts';
import { cleanRuns } from './clean.ts';
import { describeRun } from './description.ts';
import { readDiff } from './diff.ts';
import { alreadyEnded, isNotFound, isTimeout, noWorker, refuseChain } from './errors.ts';
import { forgetIfAway } from './forget.ts';
import { inOrder } from './in-order.ts';
import { inspect } from './inspect.ts';
import type { Link } from './link.ts';
import { mergeRun } from './merge.ts';
import { continueRun } from './continue.ts';
import { awaitOutcome } from './outcomes.ts';
import { findRun, type KnownRun } from './runs.ts';
import type { Accepted } from './session-handle.ts';
import { readTranscript } from './transcript.ts';
import type {
  AnswerOptions,
  CleanOptions,
  CleanReport,
  DiffOptions,
  KillOptions,
  KillReport,
  MergeOptions,
  MergeReport,
  ResultOptions,
  SpawnOptions,
  SteerOptions,
  SubagentDescription,
  SubagentDiff,
  TranscriptOptions,
} from './types.ts';
import { requireWorker } from './workers.ts';

/** How long a receipt may take, in milliseconds: a model call may have to end before the message is in. */
const STEER_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 15_000;
const KILL_TIMEOUT_MS = 120_000;
/** Between two looks at the worker of one that is to be ended by force. */
const FORCE_INTERVAL_MS = 5_000;

/** Which run of which subagent a handle stands for. */
export interface SubagentIdentity {
  readonly session: string;
  readonly label: string;
  /** 1 for the first subagent of this label. */
  readonly run: number;
  readonly workflowId: string;
  /** First execution run id. */
  readonly runId: string;
}

/**
 * One subagent. Get one from `SessionHandle.subagent()` or `Subagents.find()`. Every call looks the target up anew: a label is
 * its newest run; `label@N` is always the same one.
 */
export class SubagentHandle {
  /** As it was asked for. */
  readonly target: string;
  readonly session: string;
  readonly #link: Link;
  readonly #pinned: KnownRun | undefined;

  /** @param pinned the run that the target is known to be. */
  constructor(link: Link, session: string, target: string, pinned?: KnownRun) {
    this.#link = link;
    this.session = session;
    this.target = target;
    this.#pinned = pinned;
  }

  /** Which subagent the target names. @throws SubagentsError UNKNOWN_TARGET or AMBIGUOUS_TARGET, with the candidates. */
  async identity(): Promise<SubagentIdentity> {
    const { session, label, run, workflowId, runId } = await this.#find();
    return { session, label, run, workflowId, runId };
  }

  /**
   * Sends a message to the live subagent, and says how it was delivered. Several keep the order of the calls.
   * @throws SubagentsError ALREADY_ENDED (naming its outcome), NO_WORKER, TIMEOUT, UNKNOWN_TARGET, BAD_INPUT.
   */
  async steer(message: string, options: SteerOptions = {}): Promise<Receipt> {
    const request = {
      id: options.id ?? `s-${randomUUID().slice(0, 8)}`,
      message,
      ...(options.interrupt && { interrupt: true }),
    };
    const parsed = steerRequest.safeParse(request);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new SubagentsError(
        'BAD_INPUT',
        `cannot steer ${this.target}: ${issue?.message ?? 'illegal message'}`,
      );
    }
    const { timeoutMs = STEER_TIMEOUT_MS } = options;
    // The same id is one message, for the server and for the workflow.
    return inOrder(this.#link, `${this.session}/${this.target}`, () =>
      this.#update<Receipt>('steer', SUBAGENT.steerWithReceipt, request, {
        timeoutMs,
        updateId: request.id,
      }),
    );
  }

  /** Answers a question of the subagent. @throws SubagentsError as `steer`; UNKNOWN_TARGET when no such question is open. */
  async answer(text: string, options: AnswerOptions = {}): Promise<void> {
    if (text.trim() === '')
      throw new SubagentsError('BAD_INPUT', `cannot answer ${this.target}: the answer is empty`);
    const { questionId, timeoutMs = ANSWER_TIMEOUT_MS } = options;
    const request = { answer: text, ...(questionId !== undefined && { questionId }) };
    await this.#update<string>('answer', SUBAGENT.answer, request, { timeoutMs });
  }

  /**
   * Ends the subagent and every process it has left, and reports what was found. With `force`, one whose worker is away ends
   * at once, as *lost*: its processes cannot be looked for.
   * @throws SubagentsError ALREADY_ENDED, NO_WORKER or TIMEOUT (the kill stays requested), UNKNOWN_TARGET.
   */
  async kill(options: KillOptions = {}): Promise<KillReport> {
    const run = await this.#find();
    if (isFinal(run.status)) throw alreadyEnded('kill', run);
    const link = this.#link;
    const handle = link.client.workflow.getHandle(run.workflowId, undefined, {
      firstExecutionRunId: run.runId,
    });
    try {
      await link.call(`kill ${run.label}`, () => handle.cancel());
    } catch (error) {
      // It ended just now: what it left is the answer.
      if (!isNotFound(error)) throw error;
    }
    const outcome = await (options.force === true
      ? this.#awaitForced(run, options)
      : this.#awaitKilled(run, options.timeoutMs ?? KILL_TIMEOUT_MS));
    return report(run, outcome);
  }

  /**
   * How it ended; waits until it has. A failed or killed subagent has an outcome too: look at `status`.
   * @throws LostRunError (code LOST) when it was terminated from outside, or only its session's summary is left; SubagentsError
   *   TIMEOUT, UNKNOWN_TARGET.
   */
  async result(options: ResultOptions = {}): Promise<Outcome> {
    return awaitOutcome(this.#link, await this.#find(), options);
  }

  /**
   * Goes on with a subagent that has ended, however it did: a new run of the label with the same Copilot session, branch and
   * worktree, and all that the run before was spawned with but for what `spec` changes. Only the newest run can be continued.
   * @throws SubagentsError LABEL_LIVE (steer it instead), NO_WORKSPACE, BRANCH_GONE, CHECKOUT_BUSY, NO_WORKER when the worker
   *   that holds it is away, LOST when the server no longer knows how it was spawned; otherwise as `SessionHandle.spawn`.
   */
  async continue(
    task: string,
    changes: Omit<ContinueSpec, 'task'> = {},
    options: SpawnOptions = {},
  ): Promise<Accepted> {
    return continueRun(this.#link, await this.#findSubagent('continue'), { ...changes, task }, options);
  }

  /** Everything known of it right now. Works without a worker too, and says so. @throws SubagentsError UNKNOWN_TARGET */
  async describe(): Promise<SubagentDescription> {
    return describeRun(this.#link, await this.#find());
  }

  /**
   * What it has changed since its base, on the machine that has the repository. Of a live one its folder as it is, with what is
   * not committed; of a finished one its branch or, where that is gone, the commit of its outcome.
   * @throws SubagentsError NO_WORKSPACE, NOT_A_REPOSITORY (it is on another machine), NO_WORKER, UNKNOWN_TARGET, GIT.
   */
  async diff(options: DiffOptions = {}): Promise<SubagentDiff> {
    return readDiff(this.#link, await this.#findSubagent('diff'), options);
  }

  /**
   * Merges its branch into the branch that a checkout of its repository is on: wholly, or not at all. Hooks do not run.
   * @throws SubagentsError STILL_LIVE, NOT_DONE (without `force`), CHECKOUT_DIRTY, MERGE_CONFLICT (naming the files),
   *   NO_WORKSPACE, NOT_A_REPOSITORY, BAD_INPUT, UNKNOWN_TARGET, GIT.
   */
  async merge(options: MergeOptions = {}): Promise<MergeReport> {
    return mergeRun(this.#link, await this.#findSubagent('merge'), options);
  }

  /**
   * Removes what is left of it, once it is over: its worktree, its branch and its Copilot state. Commits that are on no other
   * branch and uncommitted files stay, and the report says so. Its outcome stays readable.
   * @throws SubagentsError STILL_LIVE, NO_WORKER, TIMEOUT, UNKNOWN_TARGET.
   */
  async clean(options: CleanOptions = {}): Promise<CleanReport> {
    return cleanRuns(this.#link, [await this.#findSubagent('clean')], options);
  }

  /**
   * What it said and did, from Copilot's own event log. Empty when it never had a worker.
   * @throws SubagentsError NO_WORKER when the worker that has the log is away; LOST when the server no longer knows who that is.
   */
  transcript(options: TranscriptOptions = {}): AsyncGenerator<TranscriptEntry, void, undefined> {
    return readTranscript(this.#link, () => this.#findSubagent('read the transcript of'), options);
  }

  /** The run, which is no chain. @throws SubagentsError BAD_INPUT for a chain */
  async #findSubagent(doing: string): Promise<KnownRun> {
    const run = await this.#find();
    refuseChain(doing, run);
    return run;
  }

  async #find(): Promise<KnownRun> {
    if (this.#pinned !== undefined) {
      // While it lives, the server itself knows all there is to know of it.
      const inspected = await inspect(this.#link, this.#pinned);
      if (inspected?.open) return { ...this.#pinned, status: inspected.status };
    }
    return findRun(this.#link, this.target, this.session);
  }

  /** Sends an Update to the live subagent. A plain label is its workflow id, so that nothing need be looked up before. */
  async #update<T>(
    doing: string,
    update: string,
    request: object,
    options: { readonly timeoutMs: number; readonly updateId?: string },
  ): Promise<T> {
    const link = this.#link;
    await requireWorker(link);
    const send = (workflowId: string): Promise<T> =>
      link.call(
        `${doing} ${this.target}`,
        () =>
          link.client.workflow.getHandle(workflowId).executeUpdate<T, [object]>(update, {
            args: [request],
            ...(options.updateId !== undefined && { updateId: options.updateId }),
          }),
        { timeoutMs: options.timeoutMs },
      );
    const direct =
      labelProblem(this.target) === undefined ? subagentWorkflowId(this.session, this.target) : undefined;
    if (direct !== undefined) {
      try {
        return await send(direct);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const run = await this.#findSubagent(doing);
    if (isFinal(run.status)) throw alreadyEnded(doing, run);
    try {
      return await send(run.workflowId);
    } catch (error) {
      // The session has not heard yet that it ended.
      if (isNotFound(error)) throw alreadyEnded(doing, run);
      throw error;
    }
  }

  /** Waits for the end by turns with a look at the worker: the server takes one that died for there for a while. */
  async #awaitForced(run: KnownRun, { timeoutMs = KILL_TIMEOUT_MS }: KillOptions): Promise<Outcome> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      await forgetIfAway(this.#link, run);
      try {
        return await this.#awaitKilled(run, Math.min(FORCE_INTERVAL_MS, deadline - Date.now()));
      } catch (error) {
        if (!isTimeout(error) || Date.now() >= deadline) throw error;
      }
    }
  }

  async #awaitKilled(run: KnownRun, timeoutMs: number): Promise<Outcome> {
    const link = this.#link;
    const requested = 'the kill is requested, and takes effect as soon as one runs';
    if (!(await link.hasPollers())) throw noWorker(link.server, `no worker is running; ${requested}`);
    try {
      return await awaitOutcome(link, run, { timeoutMs });
    } catch (error) {
      if (isTimeout(error) && !(await link.hasPollers())) {
        throw noWorker(link.server, `no worker is running; ${requested}`);
      }
      throw error;
    }
  }
}

function report({ session, label, run, workflowId, runId }: KnownRun, outcome: Outcome): KillReport {
  return { session, label, run, workflowId, runId, status: outcome.status, sweep: outcome.sweep, outcome };
}
