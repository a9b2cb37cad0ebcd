/** `runTurn`: runs one turn of a subagent's Copilot session. */
import { Context } from '@temporalio/activity';
import {
  DEFAULT_HUNG_MODEL_MS,
  head,
  HEARTBEAT_INTERVAL_MS,
  lastHeartbeat,
  MAX_REPORT_CHARS,
  SubagentsError,
  type ActivityProgress,
  type TurnUsage,
  type SubagentRef,
  type TurnFailure,
  type TurnInput,
  type TurnResult,
  type WorkerActivities,
} from '../../src/contract/index.ts';
import { checkoutState } from '../../src/git/contents/status.ts';
import { gitOfRun } from '../../src/home/git-of-run.ts';
import { closeTurn } from '../../src/copilot/session/close.ts';
import { classifySessionError, classifyRefusal, classifyRuntimeError } from '../../src/copilot/errors.ts';
import { TurnClosed, type LiveTurn } from '../../src/copilot/turn/live-turn.ts';
import type { CopilotPool } from '../../src/copilot/runtime/pool.ts';
import { RuntimeDied } from '../../src/copilot/runtime/runtime.ts';
import { SpaceWatch, type SpaceBounds } from '../../src/copilot/turn/space-watch.ts';
import { turnUsageOf } from '../../src/copilot/turn/turn-state.ts';
import { endBackgroundWork, supervise, type SuperviseResult } from '../../src/copilot/runtime/supervise.ts';
import { readLoaded } from '../../src/copilot/runtime/trust.ts';
import { resumeTurn, type ResumedTurn } from '../../src/copilot/turn/resume-turn.ts';
import { TurnState } from '../../src/copilot/turn/turn-state.ts';
import type { TurnLimits } from '../../src/copilot/turn/verdict.ts';
import { describeWorkSoFar } from '../session/handover.ts';
import { removeLocksOfKilledGit } from '../ending/killed-git.ts';
import { WorkClock } from '../../src/system/work-clock.ts';

/** A signal that ends the runtime often stops the worker too. How long to wait for the news of that shutdown. */
const SHUTDOWN_NOTICE_MS = 1_000;

/** What `runTurn` needs of its worker. */
export interface TurnDependencies {
  readonly pool: CopilotPool;
  /** Whether the subagent's workflow has ended, so that no later attempt resumes its turn. Default: no. */
  readonly isClosed?: (subagent: SubagentRef) => Promise<boolean>;
  /**
   * Commands of the subagent that were killed because their worker stopped, to report to the model. Default: none.
   */
  readonly killedCommands?: (subagent: SubagentRef) => readonly string[];
  /** Milliseconds of silence after which a model call is considered hung and is retried; default 3 minutes. */
  readonly hungModelMs?: number;
  /** Required free space on the disk; default: no requirement. */
  readonly space?: SpaceBounds;
}

const NO_BOUNDS: SpaceBounds = { reserveBytes: 0, maxFolderBytes: Infinity };
const NO_SPACE: TurnFailure = {
  class: 'disk',
  message: 'the disk is full',
  retryable: false,
  waitFor: 'space',
};

/** Creates the `runTurn` activity. */
export function createTurnActivities(deps: TurnDependencies): Pick<WorkerActivities, 'runTurn'> {
  return {
    async runTurn(input: TurnInput): Promise<TurnResult> {
      const context = Context.current();
      const attempt = new Attempt(deps, input);
      // A timer of its own, independent of events: a silent turn must not look like a dead worker, nor a dead
      // worker like a silent turn.
      const beat = (): void => context.heartbeat(attempt.progress);
      const heart = setInterval(beat, HEARTBEAT_INTERVAL_MS);
      beat();
      try {
        const result = attempt.timed(
          await deps.pool.turns.attempt(input.subagent.copilotSessionId, (superseded) =>
            attempt.run(context, superseded),
          ),
        );
        if (!input.trustRepo || result.kind === 'lost') return result;
        return { ...result, loaded: readLoaded(deps.pool.copilotHome, input.subagent.copilotSessionId) };
      } finally {
        clearInterval(heart);
      }
    },
  };
}

/** One attempt to run a turn to its end. */
class Attempt {
  readonly #pool: CopilotPool;
  readonly #hungModelMs: number;
  readonly #space: SpaceWatch;
  #lack: TurnFailure | undefined;
  readonly #isClosed: NonNullable<TurnDependencies['isClosed']>;
  readonly #killedCommands: readonly string[];
  readonly #input: TurnInput;
  readonly #startedAt = Date.now();
  readonly #clock = new WorkClock();
  #live: LiveTurn | undefined;

  constructor(deps: TurnDependencies, input: TurnInput) {
    const { pool, hungModelMs = DEFAULT_HUNG_MODEL_MS, isClosed = () => Promise.resolve(false) } = deps;
    this.#pool = pool;
    this.#isClosed = isClosed;
    this.#killedCommands = deps.killedCommands?.(input.subagent) ?? [];
    this.#hungModelMs = input.hungAfterMs ?? hungModelMs;
    this.#space = new SpaceWatch(pool.copilotHome, input.cwd, deps.space ?? NO_BOUNDS);
    this.#input = input;
  }

  get progress(): ActivityProgress & Required<Pick<ActivityProgress, 'workedMs'>> {
    const { workedMs } = this.#clock;
    if (this.#live !== undefined) return { ...this.#live.progress, workedMs };
    const since = new Date(this.#startedAt).toISOString();
    return { doing: 'starting', since, lastEventAt: since, usage: new TurnState().usage, workedMs };
  }

  /** Adds the time that the attempt worked to `result`. */
  timed(result: TurnResult): TurnResult {
    return result.kind === 'lost'
      ? { ...result, last: lastHeartbeat.parse(this.progress) }
      : { ...result, workedMs: this.#clock.workedMs };
  }

  async run(context: Context, superseded: AbortSignal): Promise<TurnResult> {
    try {
      const lack = this.#space.lack();
      if (lack !== undefined) return { kind: 'failed', ...lack, usage: this.progress.usage, notes: [] };
      const taken = await resumeTurn(this.#pool, this.#input, {
        killedCommands: this.#killedCommands,
        // Failures are ignored: the subagent's own git will report the lock.
        beforeOpening: () => removeLocksOfKilledGit(this.#input).catch(() => undefined),
      });
      if ('decision' in taken) return resultInLog(taken, this.#input);
      if ('sessionLost' in taken) return await this.#sessionLost(taken);
      const { live } = taken;
      this.#live = live;
      live.notes.push(...interruptionNotes(live.state));
      const end = await this.#watch(live, AbortSignal.any([context.cancellationSignal, superseded]));
      return await this.#conclude(live, end, context);
    } catch (error) {
      return this.#handleError(error, context);
    }
  }

  async #sessionLost({
    sessionLost: reason,
    shown,
  }: Extract<ResumedTurn, { sessionLost: string }>): Promise<TurnResult> {
    const { cwd, base } = this.#input;
    const usage = new TurnState().usage;
    return {
      kind: 'copilot-session-lost',
      reason,
      shown: await describeWorkSoFar({ cwd, base }, shown),
      usage,
      notes: [],
    };
  }

  /** Supervises the turn to its end. Compacts a conversation that has become too long for the model. */
  async #watch(live: LiveTurn, stop: AbortSignal): Promise<SuperviseResult> {
    const { budgetMs, stuckAfterMs, stuckRepeats, silentSince, budget } = this.#input;
    const clock = this.#clock;
    const since = silentSince === undefined ? Date.now() : Date.parse(silentSince);
    const began = clock.awakeSince;
    let repeats: NonNullable<TurnLimits['repeats']> = { start: undefined, at: stuckRepeats };
    let files: string | undefined;
    const limits: TurnLimits = {
      // Time during which the machine was asleep does not count.
      get deadline() {
        return Date.now() + budgetMs - clock.workedMs;
      },
      stuckAfterMs,
      hungModelMs: this.#hungModelMs,
      // Silence while the machine was asleep does not count.
      get since() {
        const { awakeSince } = clock;
        return awakeSince > began ? awakeSince : since;
      },
      budget,
      get repeats(): NonNullable<TurnLimits['repeats']> {
        return repeats;
      },
      moves: stallEnd(live, this.#input.stalled),
    };
    for (let requests = -1; ;) {
      const lacksSpace = (): boolean => (this.#lack = this.#space.lack()) !== undefined;
      const end = await supervise(live, limits, stop, lacksSpace);
      if (end === 'repeating') {
        const { start, count } = live.state.repeats.current;
        const now = await this.#fileState();
        if (repeats.start === start && files === now) return end;
        // A new repetition, or the files changed since the last check: earlier calls do not count.
        repeats = { start, at: (repeats.start === start ? count : 0) + stuckRepeats };
        files = now;
        continue;
      }
      const { error, retried, usage } = live.state;
      if (end !== 'failed' || error === undefined || classifySessionError(error, retried).class !== 'context')
        return end;
      // If compacting did not help once, it will not help again.
      if (usage.modelRequests === requests || !(await live.compact())) return end;
      requests = live.state.usage.modelRequests;
      live.notes.push('the conversation became too long for the model, so Copilot summarised it');
      await live.continueModel();
    }
  }

  /** The state of the workspace's files; a constant when it cannot be read, so that it compares as unchanged. */
  async #fileState(): Promise<string> {
    const { cwd, subagent, isolation } = this.#input;
    const state = gitOfRun({ cwd, runId: subagent.runId, isolation }).then(checkoutState);
    return state.catch(() => 'unknown');
  }

  async #conclude(live: LiveTurn, end: SuperviseResult, context: Context): Promise<TurnResult> {
    const { state } = live;
    switch (end) {
      case 'finished':
        if (state.refusal !== undefined) return this.#fail(live, refusal(state));
        void closeTurn(this.#pool, live, { abort: false, final: true });
        return {
          kind: 'finished',
          ...report(state, this.#input),
          cut: isTruncated(state),
          ...turnTotals(live),
        };
      case 'question': {
        await live.save();
        void closeTurn(this.#pool, live, { abort: false, final: true });
        const { questions, approvals } = state;
        return {
          kind: 'question',
          questions,
          ...(approvals.length > 0 && { approvals }),
          ...turnTotals(live),
        };
      }
      case 'stuck':
        return {
          kind: 'stuck',
          doing: live.progress.doing,
          silentMs: Date.now() - live.lastEventAt,
          since: new Date(live.lastEventAt).toISOString(),
          ...turnTotals(live),
        };
      case 'repeating': {
        const { count, period, waits, since, what: doing } = state.repeats.current;
        return {
          kind: 'stuck',
          doing,
          silentMs: 0,
          since,
          repeats: { count, period, waits },
          ...turnTotals(live),
        };
      }
      case 'moving':
        return { kind: 'moving', ...turnTotals(live) };
      case 'near-budget':
        return { kind: 'near-budget', ...turnTotals(live) };
      case 'timed-out':
      case 'over-budget':
        await closeTurn(this.#pool, live, { abort: true, final: true });
        return { kind: end, ...turnTotals(live) };
      case 'failed': {
        const error = state.error ?? { errorType: 'unknown', message: 'the turn failed without a reason' };
        if (state.refusal !== undefined) return this.#fail(live, refusal(state));
        return this.#fail(live, classifySessionError(error, state.retried));
      }
      case 'hung':
        return this.#hung(live);
      case 'no-space':
        return this.#fail(live, this.#lack ?? NO_SPACE);
      case 'stopped':
        return this.#stopped(live, context);
    }
  }

  async #fail(live: LiveTurn, error: TurnFailure): Promise<TurnResult> {
    const final = !error.retryable && error.waitFor === undefined;
    // Otherwise the next attempt reports the ended commands, to the model too.
    if (final) await endBackgroundWork(live).catch(() => undefined);
    void closeTurn(this.#pool, live, { abort: true, final });
    return failed(live, error);
  }

  /**
   * Gives up only the model call: the next attempt finds the turn, whose background commands keep running
   * meanwhile.
   */
  async #hung(live: LiveTurn): Promise<TurnResult> {
    const error: TurnFailure = {
      class: 'network',
      message: `the model did not answer for ${Math.round(this.#hungModelMs / 1000)} s`,
      retryable: true,
    };
    if (this.#input.lastAttempt) {
      await endBackgroundWork(live).catch(() => undefined);
      return this.#fail(live, error);
    }
    live.lastProgressAt = Date.now();
    // Without a call to interrupt, the turn is not in the state that its events show: resume it from its log.
    if (!(await live.interrupt())) return this.#fail(live, error);
    return failed(live, error);
  }

  async #stopped(live: LiveTurn, context: Context): Promise<TurnResult> {
    const why = context.cancellationDetails;
    if (!context.cancellationSignal.aborted) {
      const reason = live.isDetached
        ? 'its Copilot session was closed'
        : 'a newer attempt took over the turn';
      return { kind: 'lost', who: 'runtime', reason };
    }
    // The worker closes its runtime, and with it the Copilot session, once all turns are interrupted.
    if (why?.workerShutdown) return { kind: 'interrupted', ...turnTotals(live) };
    // The server gave the attempt up as silent because this process was suspended. The next attempt finds the turn
    // running.
    const givenUp =
      why !== undefined && !why.cancelRequested && !(await this.#isClosed(this.#input.subagent));
    if (!givenUp) await closeTurn(this.#pool, live, { abort: true, final: true });
    return context.cancelled;
  }

  async #handleError(error: unknown, context: Context): Promise<TurnResult> {
    const live = this.#live ?? this.#pool.turns.get(this.#input.subagent.copilotSessionId);
    if (error instanceof RuntimeDied && live?.runtime.death?.orderly)
      await Promise.race([context.cancelled, context.sleep(SHUTDOWN_NOTICE_MS)]).catch(() => undefined);
    if (this.#pool.stopped || context.cancellationDetails?.workerShutdown) {
      return { kind: 'interrupted', usage: this.progress.usage, notes: [] };
    }
    if (error instanceof RuntimeDied) {
      if (live !== undefined) void closeTurn(this.#pool, live, { abort: false, final: false });
      return { kind: 'lost', who: 'runtime', reason: error.message };
    }
    if (error instanceof TurnClosed) {
      if (context.cancellationSignal.aborted) return context.cancelled;
      return { kind: 'lost', who: 'runtime', reason: error.message };
    }
    if (context.cancellationSignal.aborted) throw error;
    if (this.#live !== undefined) return this.#fail(this.#live, classifyRuntimeError(error));
    const usage = new TurnState().usage;
    if (error instanceof SubagentsError) {
      const { message, remedy } = error;
      return {
        kind: 'failed',
        class: 'copilot',
        message,
        ...(remedy !== undefined && { remedy }),
        retryable: false,
        usage,
        notes: [],
      };
    }
    return { kind: 'failed', ...classifyRuntimeError(error), usage, notes: [] };
  }
}

/** The event log already contains the turn's end: the worker died before it could report it. */
function resultInLog(
  { decision, state }: Extract<ResumedTurn, { decision: unknown }>,
  { permissions = 'all', maxReport = MAX_REPORT_CHARS }: TurnInput,
): TurnResult {
  const end = { ...turnUsageOf(state, permissions), notes: interruptionNotes(state) };
  if (decision.do === 'ask') return { kind: 'question', questions: state.questions, ...end };
  if (state.refusal !== undefined) return { kind: 'failed', ...refusal(state), ...end };
  return {
    kind: 'finished',
    ...truncatedReport(decision.report, maxReport),
    cut: isTruncated(state),
    ...end,
  };
}

/** Whether the model's output limit cut off its last message. */
const isTruncated = ({ finishReason }: TurnState): boolean =>
  finishReason === 'length' || finishReason === 'max_tokens';

function refusal(state: TurnState): TurnFailure {
  return classifyRefusal(state.refusal || report(state).report);
}

function report(
  { report: last, lastReport }: TurnState,
  { maxReport = MAX_REPORT_CHARS }: Pick<TurnInput, 'maxReport'> = {},
): Report {
  return truncatedReport(last ?? lastReport ?? '', maxReport);
}

type Report = Pick<Extract<TurnResult, { kind: 'finished' }>, 'report' | 'reportChars'>;

/** The beginning of a final message, and the message's full length when it was shortened. */
function truncatedReport(message: string, max: number): Report {
  return { report: head(message, max), ...(message.length > max && { reportChars: message.length }) };
}

/** Checks whether a stalled turn makes progress again; undefined when the turn was not stalled. */
function stallEnd(live: LiveTurn, stalled: TurnInput['stalled']): (() => boolean) | undefined {
  if (stalled === undefined) return undefined;
  const { lastEventAt } = live;
  const { start } = live.state.repeats.current;
  return stalled === 'silent'
    ? () => live.lastEventAt > lastEventAt
    : () => live.state.repeats.current.start !== start;
}

function failed(live: LiveTurn, error: TurnFailure): TurnResult {
  const lastEventAt = new Date(live.lastEventAt).toISOString();
  return { kind: 'failed', ...error, lastEventAt, ...turnTotals(live) };
}

/** Usage and notes of the turn so far; each note is returned once. */
function turnTotals(live: LiveTurn): TurnUsage & { notes: string[] } {
  return { ...live.turnUsage, notes: live.notes.splice(0) };
}

function interruptionNotes({ interrupted, endedShells }: TurnState): string[] {
  const calls = [...interrupted.values()];
  interrupted.clear();
  return [
    ...calls.map(
      (what) =>
        `\`${what}\` was running when its worker stopped: it may have taken effect, in part or in full`,
    ),
    ...[...new Set(endedShells.splice(0))].map(
      (what) =>
        `\`${what}\` ran in the background, and was killed when the subagent was interrupted and resumed`,
    ),
  ];
}
