/** `runTurn`: takes a subagent's Copilot session through one turn. */
import { Context } from '@temporalio/activity';
import {
  DEFAULT_HUNG_MODEL_MS,
  head,
  HEARTBEAT_INTERVAL_MS,
  lastHeartbeat,
  MAX_REPORT_CHARS,
  SubagentsError,
  type ActivityProgress,
  type Spent,
  type SubagentRef,
  type TurnFailure,
  type TurnInput,
  type TurnResult,
  type WorkerActivities,
} from '../../src/contract/index.ts';
import { checkoutState } from '../../src/git/contents/status.ts';
import { gitOfRun } from '../../src/home/trusted-git-config.ts';
import { closeTurn } from '../../src/copilot/session/close.ts';
import { classify, classifyRefusal, classifyRuntimeError } from '../../src/copilot/errors.ts';
import { TurnOver, type LiveTurn } from '../../src/copilot/turn/live-turn.ts';
import type { CopilotPool } from '../../src/copilot/runtime/pool.ts';
import { RuntimeDied } from '../../src/copilot/runtime/runtime.ts';
import { SpaceWatch, type SpaceBounds } from '../../src/copilot/turn/space-watch.ts';
import { spentIn } from '../../src/copilot/turn/spent.ts';
import { endBackground, supervise, type End } from '../../src/copilot/runtime/supervise.ts';
import { keptLoaded } from '../../src/copilot/runtime/trust.ts';
import { resumeTurn, type ResumedTurn } from '../../src/copilot/turn/resume-turn.ts';
import { TurnState } from '../../src/copilot/turn/turn-state.ts';
import type { Limits } from '../../src/copilot/turn/verdict.ts';
import { workSoFar } from '../session/handover.ts';
import { removeLocksOfKilledGit } from '../ending/killed-git.ts';
import { WorkClock } from '../../src/system/work-clock.ts';

/** A signal that ends the runtime is often for the worker too; so long its word of that is waited for. */
const SHUTDOWN_NEWS_MS = 1_000;

export interface TurnDependencies {
  readonly pool: CopilotPool;
  /** Whether the subagent's workflow has ended: then nobody will take its turn up. Default: no. */
  readonly isClosed?: (subagent: SubagentRef) => Promise<boolean>;
  /** Commands of the subagent that were ended because their worker had stopped, for the model to know. Default: none. */
  readonly killedCommands?: (subagent: SubagentRef) => readonly string[];
  /** Silence of a model call after which it is given up as hung and tried again; default 3 minutes. */
  readonly hungModelMs?: number;
  /** What the disk must have left; default: nothing is asked of it. */
  readonly space?: SpaceBounds;
}

const NO_BOUNDS: SpaceBounds = { reserveBytes: 0, maxFolderBytes: Infinity };
const NO_SPACE: TurnFailure = {
  ...{ class: 'disk', message: 'the disk is full' },
  ...{ retryable: false, waitFor: 'space' },
};

export function createTurnActivities(deps: TurnDependencies): Pick<WorkerActivities, 'runTurn'> {
  return {
    async runTurn(input: TurnInput): Promise<TurnResult> {
      const context = Context.current();
      const attempt = new Attempt(deps, input);
      // On its own clock and not with the events: a turn that says nothing must not look like a dead worker, and a
      // dead worker must not look like a turn that says nothing.
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
        return { ...result, loaded: keptLoaded(deps.pool.copilotHome, input.subagent.copilotSessionId) };
      } finally {
        clearInterval(heart);
      }
    },
  };
}

/** One attempt to take a turn to its end. */
class Attempt {
  readonly #pool: CopilotPool;
  readonly #hungModelMs: number;
  readonly #space: SpaceWatch;
  #lack: TurnFailure | undefined;
  readonly #isClosed: NonNullable<TurnDependencies['isClosed']>;
  readonly #killedCommands: readonly string[];
  readonly #input: TurnInput;
  readonly #began = Date.now();
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
    const since = new Date(this.#began).toISOString();
    return { doing: 'starting', since, lastEventAt: since, usage: new TurnState().usage, workedMs };
  }

  /** `result` with how long the attempt worked. */
  timed(result: TurnResult): TurnResult {
    const { progress } = this;
    return result.kind === 'lost'
      ? { ...result, last: lastHeartbeat.parse(progress) }
      : { ...result, workedMs: progress.workedMs };
  }

  async run(context: Context, superseded: AbortSignal): Promise<TurnResult> {
    try {
      const lack = this.#space.lack();
      if (lack !== undefined) return { kind: 'failed', ...lack, usage: this.progress.usage, notes: [] };
      const taken = await resumeTurn(this.#pool, this.#input, {
        killedCommands: this.#killedCommands,
        // Where it cannot be done, its own git says what is wrong.
        beforeOpening: () => removeLocksOfKilledGit(this.#input).catch(() => undefined),
      });
      if ('decision' in taken) return overAlready(taken, this.#input);
      if ('unresumable' in taken) return await this.#gone(taken);
      const { live } = taken;
      this.#live = live;
      live.notes.push(...interruptions(live.state));
      const end = await this.#watch(live, AbortSignal.any([context.cancellationSignal, superseded]));
      return await this.#conclude(live, end, context);
    } catch (error) {
      return this.#breakOff(error, context);
    }
  }

  async #gone({
    unresumable: reason,
    shown,
  }: Extract<ResumedTurn, { unresumable: string }>): Promise<TurnResult> {
    const { cwd, base } = this.#input;
    const usage = new TurnState().usage;
    return {
      kind: 'copilot-session-lost',
      reason,
      shown: await workSoFar({ cwd, base }, shown),
      usage,
      notes: [],
    };
  }

  /** Watches over the turn to its end. A conversation that has become too long is summed up on the way. */
  async #watch(live: LiveTurn, stop: AbortSignal): Promise<End> {
    const { budgetMs, stuckAfterMs, stuckRepeats, silentSince, budget } = this.#input;
    const clock = this.#clock;
    const since = silentSince === undefined ? Date.now() : Date.parse(silentSince);
    const began = clock.awakeSince;
    let repeats: NonNullable<Limits['repeats']> = { start: undefined, at: stuckRepeats };
    let files: string | undefined;
    const limits: Limits = {
      // Later by as long as the machine slept.
      get deadline() {
        return Date.now() + budgetMs - clock.workedMs;
      },
      stuckAfterMs,
      hungModelMs: this.#hungModelMs,
      // The silence of a machine that slept is none of the turn's.
      get since() {
        const { awakeSince } = clock;
        return awakeSince > began ? awakeSince : since;
      },
      budget,
      get repeats(): NonNullable<Limits['repeats']> {
        return repeats;
      },
      moves: movement(live, this.#input.stalled),
    };
    for (let requests = -1; ;) {
      const lacksSpace = (): boolean => (this.#lack = this.#space.lack()) !== undefined;
      const end = await supervise(live, limits, stop, lacksSpace);
      if (end === 'repeating') {
        const { start, count } = live.state.repeats.current;
        const now = await this.#files();
        if (repeats.start === start && files === now) return end;
        // The first look at this repetition; or a file changed, and the calls before do not count.
        repeats = { start, at: (repeats.start === start ? count : 0) + stuckRepeats };
        files = now;
        continue;
      }
      const { error, retried, usage } = live.state;
      if (end !== 'failed' || error === undefined || classify(error, retried).class !== 'context') return end;
      // Where the summary did not help, nothing will.
      if (usage.modelRequests === requests || !(await live.compact())) return end;
      requests = live.state.usage.modelRequests;
      live.notes.push('the conversation had become too long for the model, and was summed up');
      await live.goOn();
    }
  }

  /** The state of its files; where that cannot be read, nothing that differs. */
  async #files(): Promise<string> {
    const { cwd, subagent, isolation } = this.#input;
    const state = gitOfRun({ cwd, runId: subagent.runId, isolation }).then(checkoutState);
    return state.catch(() => 'unknown');
  }

  async #conclude(live: LiveTurn, end: End, context: Context): Promise<TurnResult> {
    const { state } = live;
    switch (end) {
      case 'finished':
        if (state.refusal !== undefined) return this.#fail(live, refusal(state));
        void closeTurn(this.#pool, live, { abort: false, final: true });
        return { kind: 'finished', ...report(state, this.#input), cut: isCut(state), ...known(live) };
      case 'question': {
        await live.save();
        void closeTurn(this.#pool, live, { abort: false, final: true });
        return { kind: 'question', questions: state.questions, ...known(live) };
      }
      case 'stuck':
        return {
          kind: 'stuck',
          doing: live.progress.doing,
          silentMs: Date.now() - live.lastEventAt,
          since: new Date(live.lastEventAt).toISOString(),
          ...known(live),
        };
      case 'repeating': {
        const { count, period, waits, since, what: doing } = state.repeats.current;
        return {
          kind: 'stuck',
          doing,
          silentMs: 0,
          since,
          repeats: { count, period, waits },
          ...known(live),
        };
      }
      case 'moving':
        return { kind: 'moving', ...known(live) };
      case 'near-budget':
        return { kind: 'near-budget', ...known(live) };
      case 'timed-out':
      case 'over-budget':
        await closeTurn(this.#pool, live, { abort: true, final: true });
        return { kind: end, ...known(live) };
      case 'failed': {
        const error = state.error ?? { errorType: 'unknown', message: 'the turn failed without a reason' };
        if (state.refusal !== undefined) return this.#fail(live, refusal(state));
        return this.#fail(live, classify(error, state.retried));
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
    // Else the attempt that follows says what was ended, to the model too.
    if (final) await endBackground(live).catch(() => undefined);
    void closeTurn(this.#pool, live, { abort: true, final });
    return failed(live, error);
  }

  /** Only the call is given up: the attempt that follows finds the turn, and what it has in the background runs meanwhile. */
  async #hung(live: LiveTurn): Promise<TurnResult> {
    const error: TurnFailure = {
      class: 'network',
      message: `the model did not answer for ${Math.round(this.#hungModelMs / 1000)} s`,
      retryable: true,
    };
    if (this.#input.lastAttempt) {
      await endBackground(live).catch(() => undefined);
      return this.#fail(live, error);
    }
    live.lastMovementAt = Date.now();
    // Where there is nothing to give up, the turn is not as its events say: it is taken up anew, from its log.
    if (!(await live.interrupt())) return this.#fail(live, error);
    return failed(live, error);
  }

  async #stopped(live: LiveTurn, context: Context): Promise<TurnResult> {
    const why = context.cancellationDetails;
    if (!context.cancellationSignal.aborted) {
      const reason = live.over ? 'its Copilot session was closed' : 'a newer attempt took the turn over';
      return { kind: 'lost', who: 'runtime', reason };
    }
    // The worker closes its runtime, and with it the session, once all turns are interrupted.
    if (why?.workerShutdown) return { kind: 'interrupted', ...known(live) };
    // Given up by the server as silent (this process had stood still): the next attempt finds the turn running.
    const givenUp =
      why !== undefined && !why.cancelRequested && !(await this.#isClosed(this.#input.subagent));
    if (!givenUp) await closeTurn(this.#pool, live, { abort: true, final: true });
    return context.cancelled;
  }

  async #breakOff(error: unknown, context: Context): Promise<TurnResult> {
    const live = this.#live ?? this.#pool.turns.get(this.#input.subagent.copilotSessionId);
    if (error instanceof RuntimeDied && live?.runtime.death?.orderly)
      await Promise.race([context.cancelled, context.sleep(SHUTDOWN_NEWS_MS)]).catch(() => undefined);
    if (this.#pool.stopped || context.cancellationDetails?.workerShutdown) {
      return { kind: 'interrupted', usage: this.progress.usage, notes: [] };
    }
    if (error instanceof RuntimeDied) {
      if (live !== undefined) void closeTurn(this.#pool, live, { abort: false, final: false });
      return { kind: 'lost', who: 'runtime', reason: error.message };
    }
    if (error instanceof TurnOver) {
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

/** The turn's end stands in the event log: its worker died before it could tell. */
function overAlready(
  { decision, state }: Extract<ResumedTurn, { decision: unknown }>,
  { permissions = 'all', maxReport = MAX_REPORT_CHARS }: TurnInput,
): TurnResult {
  const end = { ...spentIn(state, permissions), notes: interruptions(state) };
  if (decision.do === 'ask') return { kind: 'question', questions: state.questions, ...end };
  if (state.refusal !== undefined) return { kind: 'failed', ...refusal(state), ...end };
  return { kind: 'finished', ...kept(decision.report, maxReport), cut: isCut(state), ...end };
}

/** Whether the model's output limit ended its last message. */
const isCut = ({ finishReason }: TurnState): boolean =>
  finishReason === 'length' || finishReason === 'max_tokens';

function refusal(state: TurnState): TurnFailure {
  return classifyRefusal(state.refusal || report(state).report);
}

function report(
  { report: last, lastReport }: TurnState,
  { maxReport = MAX_REPORT_CHARS }: Pick<TurnInput, 'maxReport'> = {},
): Report {
  return kept(last ?? lastReport ?? '', maxReport);
}

type Report = Pick<Extract<TurnResult, { kind: 'finished' }>, 'report' | 'reportChars'>;

/** The beginning of a final message, and how long that was. */
function kept(message: string, max: number): Report {
  return { report: head(message, max), ...(message.length > max && { reportChars: message.length }) };
}

/** Whether what stood still moves again; undefined where nothing stood still. */
function movement(live: LiveTurn, stalled: TurnInput['stalled']): (() => boolean) | undefined {
  if (stalled === undefined) return undefined;
  const { lastEventAt } = live;
  const { start } = live.state.repeats.current;
  return stalled === 'silent'
    ? () => live.lastEventAt > lastEventAt
    : () => live.state.repeats.current.start !== start;
}

function failed(live: LiveTurn, error: TurnFailure): TurnResult {
  const lastEventAt = new Date(live.lastEventAt).toISOString();
  return { kind: 'failed', ...error, lastEventAt, ...known(live) };
}

/** What is known of the turn at its end; notes are given once. */
function known(live: LiveTurn): Spent & { notes: string[] } {
  return { ...live.spent, notes: live.notes.splice(0) };
}

function interruptions({ interrupted, endedShells }: TurnState): string[] {
  const calls = [...interrupted.values()];
  interrupted.clear();
  return [
    ...calls.map(
      (what) =>
        `\`${what}\` was running when its worker stopped: its effect may be there, in part or in full`,
    ),
    ...[...new Set(endedShells.splice(0))].map(
      (what) =>
        `\`${what}\` ran in the background, and was ended when the subagent was stopped and taken up again`,
    ),
  ];
}
