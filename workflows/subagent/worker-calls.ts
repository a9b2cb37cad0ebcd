/**
 * What a worker does for one subagent. Each call is an activity, repeated when the worker dies, if the call is safe to
 * repeat.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import {
  isRepositoryUrl,
  oneLine,
  type CloneResult,
  type CollectInput,
  type CollectResult,
  type DeliverResult,
  type Evidence,
  type Lost,
  type Push,
  type ResolvedSpec,
  type SetUpResult,
  type ShellInput,
  type StopInput,
  type StopResult,
  type SubagentRef,
  type SweepReport,
  type TurnInput,
  type TurnResult,
  type VerifyResult,
  type Workspace,
} from '../../src/contract/index.ts';
import { withWorkerWatch, type AbsenceNotices } from '../session/absence.ts';
import { backoff, retryText } from '../shared/backoff.ts';
import {
  controlCalls,
  isLost,
  poolCalls,
  timeoutAsLost,
  START_SOON,
  SAVE_WITHIN_MS,
  saveCalls,
  workerCalls,
  type StartDeadline,
} from '../shared/activity-calls.ts';
import { outcomeFailure, workerDied } from '../shared/failure.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { StatusPublisher } from './status-publisher.ts';
import type { SubagentMachine } from './machine.ts';
import { STATUS_DURING } from './events.ts';
import type { SteerRecord } from './state.ts';

/** The steps that are repeated when their worker dies, as part of a message. */
const STEP_TEXT = {
  prepare: 'during the preparation of its workspace',
  'set-up': 'during its set-up',
  verify: 'during its verification',
} as const;

/** Summaries of `stopSubagent` for the Web UI. */
const STOPPING: Readonly<Record<StopInput['mode'], string>> = {
  kill: 'kill: abort the turn, end its processes, release the slot',
  end: 'end: find processes that it left, release the slot',
  pause: 'pause: release the slot until it goes on',
};

/**
 * Pauses before a failed stop is tried again, in milliseconds. After the last one the subagent ends without the stop.
 */
const STOP_AGAIN_MS = [1_000, 5_000] as const;

/**
 * Give up after this many worker deaths during one step. Lower than for turns: a step that kills its worker also stops
 * every other subagent there.
 */
const MAX_DEATHS = 7;

/** The sweep report if no sweep is known. */
export const NO_SWEEP: SweepReport = {
  found: 0,
  ended: 0,
  left: [],
  proof: 'unproven',
  notChecked: [],
  commands: [],
  durationMs: 0,
};

/** The result of a stop. */
export type Stopped = Omit<Extract<StopResult, { kind: 'stopped' }>, 'kind'> & {
  /** Why the worker could not stop the subagent. */
  readonly problem?: string;
};
type Cloned = Extract<CloneResult, { kind: 'cloned' }>;
type Collected = Extract<CollectResult, { kind: 'collected' }>;
type SetUpDone = Extract<SetUpResult, { kind: 'set-up' }>;
type Verified = Extract<VerifyResult, { kind: 'verified' }>;

/** What the calls need. */
export interface WorkerCallParts {
  readonly subagent: SubagentRef;
  readonly machine: SubagentMachine;
  readonly slot: WorkerSlot;
  readonly status: StatusPublisher;
  /** Notified when the worker is away, and when it is back. */
  readonly notices: AbsenceNotices;
}

export class WorkerCalls {
  readonly #parts: WorkerCallParts;

  constructor(parts: WorkerCallParts) {
    this.#parts = parts;
  }

  get #spec(): ResolvedSpec {
    return this.#parts.machine.state.spec;
  }

  /** Where the subagent works. Throws if no workspace was made. */
  get #workspace(): Workspace {
    return assertDefined(this.#parts.machine.state.workspace, 'a workspace');
  }

  /** Makes the workspace. Throws the activity's failure. */
  async prepare(): Promise<Workspace> {
    const { subagent } = this.#parts;
    const { repo } = this.#spec;
    const isCloned = isRepositoryUrl(repo) || this.#spec.checkout !== undefined;
    const clone = isCloned ? await this.#clone(repo) : undefined;
    const workspace: Workspace = await this.#withSlot('prepare', (workerId) =>
      workerCalls(workerId, START_SOON).prepareWorkspace.executeWithOptions(
        { summary: `${this.#spec.isolation} of ${repo}` },
        [{ subagent, spec: this.#localSpec }],
      ),
    );
    return clone
      ? { ...workspace, repository: clone.repository, notes: [...clone.notes, ...workspace.notes] }
      : workspace;
  }

  /**
   * Clones the repository of a URL on the worker, and adds the repository's settings to the spec where the spawn left
   * them open.
   */
  async #clone(url: string): Promise<Cloned> {
    const { subagent, machine } = this.#parts;
    const clone: Cloned = await this.#withSlot('prepare', (workerId) =>
      workerCalls(workerId, START_SOON).cloneRepository.executeWithOptions({ summary: `clone of ${url}` }, [
        { subagent, spec: this.#spec },
      ]),
    );
    machine.dispatch({ type: 'cloned', repository: clone.repository, defaults: clone.defaults });
    return clone;
  }

  /** The spec with the path of the clone instead of the URL. */
  get #localSpec(): ResolvedSpec {
    const { spec, repository } = this.#parts.machine.state;
    return repository === undefined ? spec : { ...spec, repo: repository };
  }

  /** Runs the set-up commands in the workspace. Throws the activity's failure. */
  setUp(): Promise<SetUpDone> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    const { cwd } = this.#workspace;
    return this.#withSlot('set-up', (workerId) =>
      workerCalls(workerId, START_SOON).setUpWorkspace.executeWithOptions(
        { summary: oneLine(`set-up: ${spec.setup.join(' && ')}`, 100) },
        [{ subagent, cwd, commands: spec.setup, ...shellInput(spec) }],
      ),
    );
  }

  /** Makes one attempt at a turn. `slot`: `reacquire` if the slot of the previous attempt was lost with its worker. */
  async turn(
    input: Omit<TurnInput, 'subagent' | 'cwd' | 'base' | keyof ShellInput>,
    { slot, begin }: { slot: 'keep' | 'reacquire'; begin: () => void },
  ): Promise<TurnResult> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    if (slot === 'reacquire' && this.#parts.slot.held) this.#parts.slot.lose();
    await this.#acquireSlot();
    this.#parts.status.enter(STATUS_DURING.turn);
    begin();
    const { cwd, base } = this.#workspace;
    return timeoutAsLost(
      workerCalls(this.#workerId, START_SOON).runTurn.executeWithOptions(
        { summary: `turn ${input.turn} of ${subagent.label}` },
        [{ subagent, cwd, base, ...input, ...shellInput(spec) }],
      ),
    );
  }

  /**
   * Commits what is left, gathers evidence, and reads what `read` asks for; with or without a slot. Throws the
   * activity's failure.
   */
  async collect(read: Pick<CollectInput, 'report' | 'artifacts'> = {}): Promise<Collected> {
    const { subagent } = this.#parts;
    const workspace = this.#workspace;
    const collected = await this.#repeatUntilDone(this.#workerId, (deadline) =>
      workerCalls(this.#workerId, deadline).collectEvidence.executeWithOptions(
        { summary: 'commit leftovers, gather evidence' },
        [{ subagent, spec: this.#localSpec, workspace, ...read }],
      ),
    );
    return { ...collected, evidence: this.withRepository(collected.evidence) };
  }

  /** The evidence with the clone that has the branch, if the repository was cloned. */
  withRepository<E extends Evidence | undefined>(found: E): E {
    const { repository } = this.#parts.machine.state;
    return repository === undefined || found === undefined ? found : { ...found, repository };
  }

  /** Pushes the collected commit to the repository's URL. Throws the activity's failure. */
  async push({ head: commit }: Evidence): Promise<Push> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    const repository = assertDefined(this.#parts.machine.state.repository, 'a clone');
    const { push } = await this.#repeatUntilDone(this.#workerId, (deadline) =>
      workerCalls(this.#workerId, deadline).pushBranch.executeWithOptions(
        { summary: `push to ${spec.repo}` },
        [{ subagent, repository, remote: spec.repo, commit }],
      ),
    );
    return push;
  }

  /**
   * Puts the collected work of a caller's checkout into the store, from where it comes back.
   * @returns why the work is not there, if that did not succeed in time
   */
  async save({ branch, base, head, commitCount: commits }: Evidence): Promise<string | undefined> {
    const { subagent, status, machine } = this.#parts;
    const repository = assertDefined(machine.state.repository, 'a clone');
    const { store } = assertDefined(this.#spec.checkout, 'a checkout');
    status.enter('stopping', 'saving its work in the store');
    const input = { subagent, repository, store, branch, base, head, commits };
    try {
      while (
        isLost(
          await saveCalls(this.#workerId).saveWork.executeWithOptions(
            { summary: `save ${head.slice(0, 12)}` },
            [input],
          ),
        )
      );
      return undefined;
    } catch (error) {
      if (isCancellation(error)) throw error;
      return messageOf(error);
    }
  }

  /** Runs the verification commands on the collected commit. Calls `begin` before each attempt, once a slot is held. */
  verify(evidence: Evidence | undefined, begin: () => void): Promise<Verified> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    const { cwd, base } = this.#workspace;
    const input = {
      subagent,
      cwd,
      isolation: spec.isolation,
      commands: spec.verify,
      head: evidence?.head ?? base,
      ...(spec.verifyFresh && { fresh: { repo: this.#localSpec.repo, setup: spec.setup } }),
      ...shellInput(spec),
    };
    return this.#withSlot('verify', (workerId) => {
      begin();
      return workerCalls(workerId, START_SOON).verifyCommit.executeWithOptions(
        { summary: spec.verify.join(' && ').slice(0, 100) },
        [input],
      );
    });
  }

  /** Delivers a steer to the running turn. */
  deliver({ id: steerId, message, interrupt }: SteerRecord): Promise<DeliverResult | Lost> {
    const { subagent, machine } = this.#parts;
    const { turn } = machine.state;
    return timeoutAsLost(
      controlCalls(this.#workerId).deliverSteer.executeWithOptions(
        { summary: `steer: ${oneLine(message, 60)}` },
        [{ subagent, steerId, message, turn, ...(interrupt && { interrupt }) }],
      ),
    );
  }

  /**
   * Ends the Copilot session, releases the slot and (except for `pause`) sweeps. Does nothing if nothing was started.
   */
  async stop(
    mode: StopInput['mode'],
    meanwhile: 'asking' | 'waiting' | 'stopping' = 'stopping',
    collected?: StopInput['collected'],
  ): Promise<Stopped> {
    const { subagent, slot } = this.#parts;
    const spec = this.#spec;
    const { workerId } = slot;
    if (workerId === undefined) return {};
    this.#parts.status.enter(meanwhile);
    const input: StopInput = {
      subagent,
      mode,
      ...(spec.isolation === 'in-place' && mode !== 'pause' && { inPlaceRepo: spec.repo }),
      ...(spec.trustRepo && { trustRepo: true }),
      ...(collected && { collected }),
    };
    const call = (deadline: StartDeadline) =>
      controlCalls(workerId, deadline).stopSubagent.executeWithOptions({ summary: STOPPING[mode] }, [input]);
    // A worker whose slot is held was there a moment ago, so it is watched only if a call is lost.
    const isWatched = !slot.held || mode === 'kill';
    const stop = (): Promise<Stopped> =>
      isWatched ? repeatWhileLost(call) : this.#repeatUntilDone(workerId, call);
    const stopped = mode === 'pause' ? stop : (): Promise<Stopped> => this.#stopOrGiveUp(stop);
    return isWatched ? withWorkerWatch(workerId, this.#parts.notices, stopped) : stopped();
  }

  /**
   * The result of `stop`. If it fails repeatedly, returns a report that nothing is known, because the subagent must end
   * in any case.
   */
  async #stopOrGiveUp(stop: () => Promise<Stopped>): Promise<Stopped> {
    for (let tries = 0; ; tries++) {
      try {
        return await stop();
      } catch (error) {
        const { message: problem } = outcomeFailure(error);
        const ms = STOP_AGAIN_MS[tries];
        if (ms === undefined) {
          this.#parts.slot.leaveToWorker();
          return { sweep: NO_SWEEP, problem };
        }
        await sleep(ms, { summary: oneLine(`before the next attempt to stop it: ${problem}`, 100) });
      }
    }
  }

  /**
   * Work that needs a slot. If the worker dies, reacquires a slot and repeats the work, after growing pauses in which
   * the worker can serve others. Throws after `MAX_DEATHS` deaths in a row.
   */
  async #withSlot<T>(
    step: keyof typeof STEP_TEXT,
    call: (workerId: string) => Promise<T | Lost>,
  ): Promise<T> {
    let deaths = 0;
    for (;;) {
      await this.#acquireSlot();
      this.#parts.status.enter(STATUS_DURING[step]);
      const answer = await timeoutAsLost(call(this.#workerId));
      if (!isLost(answer)) return answer;
      this.#parts.slot.lose();
      if (answer.notStarted) continue;
      deaths++;
      // A single death may be a coincidence.
      if (deaths > 1) await this.#afterDeaths(deaths, step);
    }
  }

  async #afterDeaths(deaths: number, step: keyof typeof STEP_TEXT): Promise<void> {
    const why = `its worker died ${deaths} times in a row ${STEP_TEXT[step]}`;
    if (deaths === MAX_DEATHS) throw workerDied(why);
    const ms = backoff(deaths - 1, Number.parseInt(this.#parts.subagent.runId.slice(0, 8), 16));
    this.#parts.status.enter('queued', retryText({ ms, why }));
    await sleep(ms, { summary: why });
  }

  /**
   * Work that is done on the worker with or without a slot. If an attempt is lost, repeats it and watches the worker.
   */
  async #repeatUntilDone<T>(
    workerId: string,
    call: (deadline: StartDeadline) => Promise<T | Lost>,
  ): Promise<T> {
    const answer = await timeoutAsLost(call(START_SOON));
    if (!isLost(answer)) return answer;
    return withWorkerWatch(workerId, this.#parts.notices, () => repeatWhileLost(call));
  }

  async #acquireSlot(): Promise<void> {
    const { slot } = this.#parts;
    if (slot.held) return;
    const { pool, continues, worker } = this.#spec;
    const only = continues?.workerId ?? worker;
    if (slot.workerId === undefined && only === undefined && pool !== undefined) await this.#join(pool);
    const workerId = slot.workerId ?? only;
    this.#parts.status.enter(
      'queued',
      workerId === undefined ? 'waits for a slot on a worker' : `waits for a slot on worker ${workerId}`,
    );
    if (workerId === undefined) await slot.acquire();
    else await withWorkerWatch(workerId, this.#parts.notices, () => slot.acquire());
  }

  /** Waits until a worker of the pool takes the subagent. Throws the activity's failure once all of them refuse. */
  async #join(pool: string): Promise<void> {
    const { subagent, slot, machine, status } = this.#parts;
    status.enter('queued', `waits for a worker of pool ${pool}`);
    for (;;) {
      const answer = await timeoutAsLost(
        poolCalls(pool).takeSubagent.executeWithOptions({ summary: `a worker of pool ${pool}` }, [
          { subagent, spec: this.#spec },
        ]),
      );
      if (isLost(answer)) continue;
      slot.taken(answer.workerId);
      machine.dispatch({ type: 'taken', defaults: answer.defaults });
      return;
    }
  }

  get #workerId(): string {
    return assertDefined(this.#parts.slot.workerId, 'a worker');
  }
}

/** What an activity failed with; of a timeout, that its worker was silent. */
function messageOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure)
    return `its worker did not put it there within ${SAVE_WITHIN_MS / 60_000} minutes`;
  return oneLine(cause instanceof Error ? cause.message : String(cause), 400);
}

/** The answer of `call`, without a schedule-to-start timeout; repeated as often as an attempt is lost. */
async function repeatWhileLost<T>(call: (deadline: StartDeadline) => Promise<T | Lost>): Promise<T> {
  for (;;) {
    const answer = await timeoutAsLost(call({}));
    if (!isLost(answer)) return answer;
  }
}

/** The part of a spec that concerns its shells. */
function shellInput({ env, signing }: ResolvedSpec): ShellInput {
  return {
    ...(env !== undefined && env.length > 0 && { env }),
    ...(signing === 'off' && { unsigned: true }),
  };
}

function assertDefined<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw ApplicationFailure.nonRetryable(`an action needs ${what}, but there is none`, 'INTERNAL');
  return value;
}
