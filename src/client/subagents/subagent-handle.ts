import { randomUUID } from 'node:crypto';
import {
  answerReceipt,
  answerRequest,
  approvalReceipt,
  approvalRequest,
  validate,
  firstProblem,
  isChain,
  isFinal,
  labelProblem,
  steerRequest,
  SUBAGENT,
  SUBAGENT_VARIABLE,
  SubagentsError,
  subagentWorkflowId,
  type AnswerReceipt,
  type ApprovalReceipt,
  type ContinueSpec,
  type Outcome,
  type Receipt,
  type TranscriptEntry,
  type CleanReport,
  type KillReport,
  type MergeReport,
  type SubagentDescription,
  type SubagentDiff,
  type SubagentIdentity,
} from '../../contract/index.ts';
import { runIdentity } from '../../contract/reports/identity.ts';
import { cleanRuns } from '../removal/clean.ts';
import { describeRun } from './description.ts';
import { readDiff } from './diff.ts';
import {
  alreadyEndedError,
  isNotFound,
  isTimeout,
  LostRunError,
  noWorkerError,
  refuseChain,
  addUnknownEffect,
} from '../errors.ts';
import { pause } from '../sessions/following.ts';
import { endByServer, endIfFailing } from '../removal/force.ts';
import { endIfWorkerAway, isAnswered } from '../removal/forget.ts';
import { callInOrder } from '../connection/concurrency.ts';
import type { Link } from '../connection/link.ts';
import { withWorkBack } from './bring-back.ts';
import { mergeRun } from './merge.ts';
import { continueRun } from './continue.ts';
import { awaitOutcome } from '../sessions/outcomes.ts';
import type { SpawnedSubagent, SubagentHandle } from '../handles.ts';
import { findRun, type KnownRun } from '../listing/runs.ts';
import type { Accepted } from '../spawning/spawn.ts';
import { readTranscript } from '../sessions/transcript.ts';
import type {
  AnswerOptions,
  ApproveOptions,
  CleanOptions,
  DiffOptions,
  KillOptions,
  MergeOptions,
  RejectOptions,
  ResultOptions,
  SpawnOptions,
  SteerOptions,
  TranscriptOptions,
} from '../types.ts';
import { readView } from './view.ts';
import { findExactRun } from '../listing/visibility.ts';
import { requireWorker } from '../connection/workers.ts';

/** How long a receipt may take, in milliseconds: delivery may have to wait for a model call to end. */
const STEER_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 15_000;
/**
 * A transcript shows a question before the question can be answered. How long an answer waits for that, and how often
 * it retries, in milliseconds.
 */
const OPENING_MS = 5_000;
const OPENING_CHECK_MS = 250;
const KILL_TIMEOUT_MS = 120_000;
/** How often a kill by force checks the subagent's worker, in milliseconds. */
const FORCE_INTERVAL_MS = 5_000;
/** Number of unanswered checks in a row, each of seconds, after which the server ends the workflow. */
const MAX_SILENCES = 3;

const isUnknownTarget = (error: unknown): boolean =>
  error instanceof SubagentsError && error.code === 'UNKNOWN_TARGET';

/** A workflow and one of its runs; without a run id, the newest. */
interface Addressed {
  readonly workflowId: string;
  readonly runId?: string | undefined;
}

/** Implements `SubagentHandle` over a connection. */
export class SubagentClient implements SubagentHandle {
  readonly target: string;
  readonly session: string;
  readonly #link: Link;
  readonly #pinned: SubagentIdentity | KnownRun | undefined;

  /** @param pinned the run that the handle stands for; without it, each call looks the target up. */
  constructor(link: Link, session: string, target: string, pinned?: SubagentIdentity | KnownRun) {
    this.#link = link;
    this.session = session;
    this.target = target;
    this.#pinned = pinned;
  }

  async identity(): Promise<SubagentIdentity> {
    return runIdentity(await this.#find());
  }

  async steer(message: string, options: SteerOptions = {}): Promise<Receipt> {
    const request = {
      id: options.id ?? `s-${randomUUID().slice(0, 8)}`,
      message,
      ...(options.interrupt && { interrupt: true }),
    };
    const parsed = validate(steerRequest, request);
    if (!parsed.success) {
      throw new SubagentsError('BAD_INPUT', `cannot steer ${this.target}: ${firstProblem(parsed.error)}`);
    }
    const { timeoutMs = STEER_TIMEOUT_MS } = options;
    // For the server and for the workflow, the same id is one message.
    return callInOrder(this.#link, `${this.session}/${this.target}`, () =>
      this.#update<Receipt>('steer', SUBAGENT.steerWithReceipt, request, {
        timeoutMs,
        updateId: request.id,
      }),
    );
  }

  async answer(text: string, options: AnswerOptions = {}): Promise<AnswerReceipt> {
    const { questionId, requestId = randomUUID(), timeoutMs = ANSWER_TIMEOUT_MS } = options;
    const parsed = validate(answerRequest, {
      answer: text,
      requestId,
      ...(questionId !== undefined && { questionId }),
    });
    if (!parsed.success)
      throw new SubagentsError('BAD_INPUT', `cannot answer ${this.target}: ${firstProblem(parsed.error)}`);
    const startedAt = Date.now();
    for (;;) {
      try {
        const receipt = await this.#update('answer', SUBAGENT.answer, parsed.data, {
          timeoutMs,
          updateId: requestId,
        });
        return answerReceipt.parse(receipt);
      } catch (error) {
        const opening = questionId === undefined && Date.now() - startedAt < Math.min(OPENING_MS, timeoutMs);
        if (!opening || !isUnknownTarget(error) || !(await this.#isTurnRunning())) throw error;
        await pause(OPENING_CHECK_MS, this.#link.closed);
      }
    }
  }

  async approve({ always, ...options }: ApproveOptions = {}): Promise<ApprovalReceipt> {
    refuseToAgents(process.env);
    return this.#decide('approve', { ...options, ...(always === true && { always }) });
  }

  async reject(options: RejectOptions = {}): Promise<ApprovalReceipt> {
    return this.#decide('reject', options);
  }

  async #decide(
    decision: 'approve' | 'reject',
    { timeoutMs = ANSWER_TIMEOUT_MS, requestId = randomUUID(), ...options }: ApproveOptions,
  ): Promise<ApprovalReceipt> {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const parsed = validate(approvalRequest, { ...given, decision, requestId });
    if (!parsed.success)
      throw new SubagentsError(
        'BAD_INPUT',
        `cannot ${decision} ${this.target}: ${firstProblem(parsed.error)}`,
      );
    const receipt = await this.#update(decision, SUBAGENT.decideApproval, parsed.data, {
      timeoutMs,
      updateId: requestId,
    });
    return approvalReceipt.parse(receipt);
  }

  /** Whether a turn runs, which may ask a question. */
  async #isTurnRunning(): Promise<boolean> {
    const { status } = await this.describe();
    return status === 'working' || status === 'asking';
  }

  async kill(options: KillOptions = {}): Promise<KillReport> {
    const run = await this.#find();
    if (isFinal(run.status)) throw alreadyEndedError('kill', run);
    const link = this.#link;
    try {
      await link.call(`kill ${run.label}`, () => requestEnd(link, run));
    } catch (error) {
      // It ended just now: its outcome is the answer.
      if (!isNotFound(error)) throw error;
    }
    const outcome = await (options.force === true
      ? this.#awaitForced(run, options)
      : this.#awaitKilled(run, options.timeoutMs ?? KILL_TIMEOUT_MS));
    return report(run, outcome);
  }

  async result(options: ResultOptions = {}): Promise<Outcome> {
    const run = await this.#find();
    return withWorkBack(this.#link, run, await awaitOutcome(this.#link, run, options));
  }

  async continue(
    task: string,
    changes: Omit<ContinueSpec, 'task'> = {},
    options: SpawnOptions = {},
  ): Promise<SpawnedSubagent> {
    const run = await this.#findSubagent('continue');
    return new SpawnedClient(
      this.#link,
      run.session,
      await continueRun(this.#link, run, { ...changes, task }, options),
    );
  }

  async describe(): Promise<SubagentDescription> {
    return describeRun(this.#link, await this.#find());
  }

  async diff(options: DiffOptions = {}): Promise<SubagentDiff> {
    return readDiff(this.#link, await this.#findSubagent('diff'), options);
  }

  async merge(options: MergeOptions = {}): Promise<MergeReport> {
    return mergeRun(this.#link, await this.#findSubagent('merge'), options);
  }

  async clean(options: CleanOptions = {}): Promise<CleanReport> {
    return cleanRuns(this.#link, [await this.#findSubagent('clean')], options);
  }

  transcript(options: TranscriptOptions = {}): AsyncGenerator<TranscriptEntry, void, undefined> {
    return readTranscript(this.#link, () => this.#findSubagent('read the transcript of'), options);
  }

  /** Finds the run. @throws SubagentsError BAD_INPUT for a chain */
  async #findSubagent(doing: string): Promise<KnownRun> {
    const run = await this.#find();
    refuseChain(doing, run);
    return run;
  }

  async #find(): Promise<KnownRun> {
    const pinned = this.#pinned;
    if (pinned === undefined) return findRun(this.#link, this.target, this.session);
    // While the run is live, the server's description is enough.
    const found = await findExactRun(this.#link, pinned);
    if (found !== undefined && found.endedAt === undefined)
      return { ...found, ...pinned, status: found.status };
    try {
      const known = await findRun(this.#link, this.target, this.session);
      if (known.runId === pinned.runId) return known;
    } catch (error) {
      // The session does not keep the run any more.
      if (!isUnknownTarget(error)) throw error;
    }
    if (found !== undefined) return found;
    throw new LostRunError(`neither the server nor its session has a record of ${this.target}`, {
      remedy: 'its branch and commits are still in the repository',
    });
  }

  /** The address that needs no look-up: the pinned run, or the workflow id of a plain label. */
  #direct(): Addressed | undefined {
    if (this.#pinned !== undefined) return isChain(this.#pinned) ? undefined : this.#pinned;
    if (labelProblem(this.target) !== undefined) return undefined;
    return { workflowId: subagentWorkflowId(this.session, this.target) };
  }

  /** Sends an Update to the live subagent. */
  async #update<T>(
    doing: string,
    update: string,
    request: object,
    options: { readonly timeoutMs: number; readonly updateId: string },
  ): Promise<T> {
    const link = this.#link;
    await requireWorker(link);
    const send = ({ workflowId, runId }: Addressed): Promise<T> =>
      link
        .call(
          `${doing} ${this.target}`,
          () =>
            link.client.workflow
              .getHandle(workflowId, undefined, runId === undefined ? {} : { firstExecutionRunId: runId })
              .executeUpdate<T, [object]>(update, { args: [request], updateId: options.updateId }),
          { timeoutMs: options.timeoutMs },
        )
        .catch((error: unknown) => {
          throw addUnknownEffect(
            error,
            `repeat the same call with its request id, so that it takes effect once: --request-id ${options.updateId}`,
          );
        });
    const direct = this.#direct();
    if (direct !== undefined) {
      try {
        return await send(direct);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const run = await this.#findSubagent(doing);
    if (isFinal(run.status)) throw alreadyEndedError(doing, run);
    try {
      return await send(run);
    } catch (error) {
      // The session does not know yet that the run has ended.
      if (isNotFound(error)) throw alreadyEndedError(doing, run);
      throw error;
    }
  }

  /**
   * Waits for the end, and checks regularly whether someone else must end the subagent: another worker when its own is
   * away, the server when nobody answers for it or its workflow fails.
   */
  async #awaitForced(run: KnownRun, { timeoutMs = KILL_TIMEOUT_MS }: KillOptions): Promise<Outcome> {
    const link = this.#link;
    const deadline = Date.now() + timeoutMs;
    let silences = 0;
    for (;;) {
      const silence = await this.#whySilent(run);
      silences = silence === undefined ? 0 : silences + 1;
      const isOver = silence !== undefined && (silence.isCertain || silences >= MAX_SILENCES);
      const ended = isOver
        ? await endByServer(link, run, `lost: terminated by kill --force, because ${silence.why}`)
        : await endIfFailing(link, run);
      if (ended) return ended;
      if (silence === undefined) await endIfWorkerAway(link, run);
      try {
        const left = Math.max(1, deadline - Date.now());
        return await awaitOutcome(link, run, { timeoutMs: Math.min(FORCE_INTERVAL_MS, left) });
      } catch (error) {
        if (!isTimeout(error) || Date.now() >= deadline) throw error;
      }
    }
  }

  /** Why the workflow does not answer; undefined when it does. */
  async #whySilent(run: KnownRun): Promise<{ why: string; isCertain: boolean } | undefined> {
    const link = this.#link;
    if (!(await isAnswered(link))) return { why: 'no worker is running', isCertain: true };
    try {
      // A worker that has just died still counts as present for a while.
      if (!((await readView(link, run)) instanceof SubagentsError)) return undefined;
    } catch {
      // The workflow fails, or cannot be read.
    }
    return { why: 'its workflow did not answer', isCertain: false };
  }

  async #awaitKilled(run: KnownRun, timeoutMs: number): Promise<Outcome> {
    const link = this.#link;
    const requested = 'the kill is requested and takes effect as soon as a worker runs';
    if (!(await link.hasPollers())) throw noWorkerError(link.server, `no worker is running; ${requested}`);
    try {
      return await awaitOutcome(link, run, { timeoutMs });
    } catch (error) {
      if (isTimeout(error) && !(await link.hasPollers())) {
        throw noWorkerError(link.server, `no worker is running; ${requested}`);
      }
      throw error;
    }
  }
}

/**
 * Refuses an approval from a shell of an agent, which would approve what it or another agent asks for. No fence against
 * an agent that wants to get around it: that needs a sandbox.
 * @throws SubagentsError NEEDS_HUMAN
 */
function refuseToAgents(env: NodeJS.ProcessEnv): void {
  if (env[SUBAGENT_VARIABLE] === undefined && env['COPILOT_AGENT_SESSION_ID'] === undefined) return;
  throw new SubagentsError('NEEDS_HUMAN', 'this is a shell of an agent, and only a human can approve', {
    remedy: 'run the command in a terminal of your own',
  });
}

/** Implements `SpawnedSubagent` over a connection. */
export class SpawnedClient extends SubagentClient implements SpawnedSubagent {
  readonly accepted = true;
  readonly label: string;
  readonly run: number;
  readonly workflowId: string;
  readonly runId: string;
  readonly notes: readonly string[];
  declare readonly repeated?: true | undefined;

  constructor(link: Link, session: string, { label, run, workflowId, runId, notes, repeated }: Accepted) {
    super(link, session, `${label}@${run}`, { session, label, run, workflowId, runId });
    this.label = label;
    this.run = run;
    this.workflowId = workflowId;
    this.runId = runId;
    this.notes = notes;
    if (repeated) this.repeated = repeated;
  }
}

/** Asks for the end of the run's workflow. The client has no parameter for the reason, which says who asks. */
const requestEnd = ({ client, server, identity }: Link, { workflowId, runId }: KnownRun) =>
  client.workflowService.requestCancelWorkflowExecution({
    namespace: server.namespace,
    workflowExecution: { workflowId },
    firstExecutionRunId: runId,
    requestId: randomUUID(),
    identity,
    reason: identity,
  });

function report(run: KnownRun, outcome: Outcome): KillReport {
  return { ...runIdentity(run), status: outcome.status, sweep: outcome.sweep, outcome };
}
