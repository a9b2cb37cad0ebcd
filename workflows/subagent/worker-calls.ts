/** What a worker does for one subagent: each call as an activity, repeated where it may be when the worker dies under it. */
import { ApplicationFailure, sleep } from '@temporalio/workflow';
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
import { backoff, triesAgain } from '../shared/backoff.ts';
import { control, isLost, timeoutAsLost, SOON, worker, type Taken } from '../shared/activity-calls.ts';
import { outcomeFailure, workerDied } from '../shared/failure.ts';
import type { WorkerSlot } from './worker-slot.ts';
import type { StatusPublisher } from './status-publisher.ts';
import type { SubagentMachine } from './machine.ts';
import { STATUS_DURING } from './events.ts';
import type { SteerRecord } from './state.ts';

/** Steps that are repeated when their worker dies, in words. */
const DYING_UNDER = {
  prepare: 'while its workspace was made',
  'set-up': 'during its set-up',
  verify: 'during its verification',
} as const;

/** What `stopSubagent` does, for the Web UI. */
const STOPPING: Readonly<Record<StopInput['mode'], string>> = {
  kill: 'kill: abort its turn, end its processes, releases its slot',
  end: 'end: look for processes that it left, releases its slot',
  pause: 'pause: releases its slot until it goes on',
};

/** Pauses before a stop that failed is tried again, in milliseconds; then the subagent ends without it. */
const STOP_AGAIN_MS = [1_000, 5_000] as const;

/**
 * Attempts at one step in a row under which its worker may die. What kills it is in the step, as a rule, and takes the worker
 * from all others each time: less than those of a turn, which has ways to go on.
 */
const MAX_DEATHS = 7;

/** The report where no sweep was heard of. */
export const NO_SWEEP: SweepReport = {
  found: 0,
  ended: 0,
  left: [],
  proof: 'unproven',
  notChecked: [],
  commands: [],
  durationMs: 0,
};

export type Stopped = Omit<Extract<StopResult, { kind: 'stopped' }>, 'kind'> & {
  /** Why its worker could not stop it. */
  readonly problem?: string;
};
type Cloned = Extract<CloneResult, { kind: 'cloned' }>;
type Collected = Extract<CollectResult, { kind: 'collected' }>;
type SetUpDone = Extract<SetUpResult, { kind: 'set-up' }>;
type Verified = Extract<VerifyResult, { kind: 'verified' }>;

/** What the calls work with. */
export interface WorkerCallParts {
  readonly subagent: SubagentRef;
  readonly machine: SubagentMachine;
  readonly slot: WorkerSlot;
  readonly status: StatusPublisher;
  /** Hears that the worker is away, and that it is back. */
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

  /** Where the subagent works. Throws where that was not made. */
  get #workspace(): Workspace {
    return assertDefined(this.#parts.machine.state.workspace, 'a workspace');
  }

  /** Makes the workspace. Throws what the activity throws. */
  async prepare(): Promise<Workspace> {
    const { subagent } = this.#parts;
    const { repo } = this.#spec;
    const clone = isRepositoryUrl(repo) ? await this.#clone(repo) : undefined;
    const workspace: Workspace = await this.#withRoom('prepare', (workerId) =>
      worker(workerId, SOON).prepareWorkspace.executeWithOptions(
        { summary: `${this.#spec.isolation} of ${repo}` },
        [{ subagent, spec: this.#local }],
      ),
    );
    return clone
      ? { ...workspace, repository: clone.repository, notes: [...clone.notes, ...workspace.notes] }
      : workspace;
  }

  /** Has the repository of a URL on the worker, and takes what it says of that which the spawn left open into the spec. */
  async #clone(url: string): Promise<Cloned> {
    const { subagent, machine } = this.#parts;
    const clone: Cloned = await this.#withRoom('prepare', (workerId) =>
      worker(workerId, SOON).cloneRepository.executeWithOptions({ summary: `clone of ${url}` }, [
        { subagent, spec: this.#spec },
      ]),
    );
    machine.dispatch({ type: 'cloned', repository: clone.repository, defaults: clone.defaults });
    return clone;
  }

  /** The spec with the path of the repository on the worker, where the caller gave a URL. */
  get #local(): ResolvedSpec {
    const { spec, repository } = this.#parts.machine.state;
    return repository === undefined ? spec : { ...spec, repo: repository };
  }

  /** Runs the set-up commands in it. Throws what the activity throws. */
  setUp(): Promise<SetUpDone> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    const { cwd } = this.#workspace;
    return this.#withRoom('set-up', (workerId) =>
      worker(workerId, SOON).setUpWorkspace.executeWithOptions(
        { summary: oneLine(`set-up: ${spec.setup.join(' && ')}`, 100) },
        [{ subagent, cwd, commands: spec.setup, ...shellInput(spec) }],
      ),
    );
  }

  /** One attempt of a turn. `slot`: `reacquire` when that of the attempt before went away with its worker. */
  async turn(
    input: Omit<TurnInput, 'subagent' | 'cwd' | 'base' | keyof ShellInput>,
    { slot, begin }: { slot: 'keep' | 'reacquire'; begin: () => void },
  ): Promise<TurnResult> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    if (slot === 'reacquire' && this.#parts.slot.held) this.#parts.slot.lose();
    await this.#takeRoom();
    this.#parts.status.enter(STATUS_DURING.turn);
    begin();
    const { cwd, base } = this.#workspace;
    return timeoutAsLost(
      worker(this.#workerId, SOON).runTurn.executeWithOptions(
        { summary: `turn ${input.turn} of ${subagent.label}` },
        [{ subagent, cwd, base, ...input, ...shellInput(spec) }],
      ),
    );
  }

  /** Commits what is left and gathers evidence, and reads what is to be read; with or without a slot. Throws what the activity throws. */
  async collect(read: Pick<CollectInput, 'report' | 'artifacts'> = {}): Promise<Collected> {
    const { subagent } = this.#parts;
    const workspace = this.#workspace;
    const collected = await this.#again(this.#workerId, (taken) =>
      worker(this.#workerId, taken).collectEvidence.executeWithOptions(
        { summary: 'commit what is left, gather evidence' },
        [{ subagent, spec: this.#local, workspace, ...read }],
      ),
    );
    return { ...collected, evidence: this.withRepository(collected.evidence) };
  }

  /** The evidence with the repository that has the branch, where that is a clone of ours. */
  withRepository<E extends Evidence | undefined>(found: E): E {
    const { repository } = this.#parts.machine.state;
    return repository === undefined || found === undefined ? found : { ...found, repository };
  }

  /** Pushes what was collected to where the repository was cloned from. Throws what the activity throws. */
  async push({ head: commit }: Evidence): Promise<Push> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    const repository = assertDefined(this.#parts.machine.state.repository, 'a clone');
    const { cwd } = this.#workspace;
    const { push } = await this.#again(this.#workerId, (taken) =>
      worker(this.#workerId, taken).pushBranch.executeWithOptions({ summary: `push to ${spec.repo}` }, [
        { subagent, cwd, repository, remote: spec.repo, commit },
      ]),
    );
    return push;
  }

  /** Runs the verification commands on what was collected; `begin` is called when the worker is to begin. */
  verify(evidence: Evidence | undefined, begin: () => void): Promise<Verified> {
    const { subagent } = this.#parts;
    const spec = this.#spec;
    const { cwd, base } = this.#workspace;
    const input = {
      ...{ subagent, cwd, isolation: spec.isolation, commands: spec.verify },
      head: evidence?.head ?? base,
      ...(spec.verifyFresh && { fresh: { repo: this.#local.repo, setup: spec.setup } }),
      ...shellInput(spec),
    };
    return this.#withRoom('verify', (workerId) => {
      begin();
      return worker(workerId, SOON).verifyCommit.executeWithOptions(
        { summary: spec.verify.join(' && ').slice(0, 100) },
        [input],
      );
    });
  }

  /** Brings a steer into the turn that runs. */
  deliver({ id: steerId, message, interrupt }: SteerRecord): Promise<DeliverResult | Lost> {
    const { subagent, machine } = this.#parts;
    const { turn } = machine.state;
    return timeoutAsLost(
      control(this.#workerId).deliverSteer.executeWithOptions({ summary: `steer: ${oneLine(message, 60)}` }, [
        { subagent, steerId, message, turn, ...(interrupt && { interrupt }) },
      ]),
    );
  }

  /** Ends the Copilot session, releases its slot and (but for `pause`) sweeps; nothing where nothing had been started. */
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
    const call = (taken: Taken) =>
      control(workerId, taken).stopSubagent.executeWithOptions({ summary: STOPPING[mode] }, [input]);
    // While it holds a slot its worker was there a moment ago.
    const looks = !slot.held || mode === 'kill';
    const stop = (): Promise<Stopped> => (looks ? untilDone(call) : this.#again(workerId, call));
    const stopped = mode === 'pause' ? stop : (): Promise<Stopped> => this.#orUnstopped(stop);
    return looks ? withWorkerWatch(workerId, this.#parts.notices, stopped) : stopped();
  }

  /** What `stop` gives. Where it fails again and again, that nothing is known: the subagent must end all the same. */
  async #orUnstopped(stop: () => Promise<Stopped>): Promise<Stopped> {
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
        await sleep(ms, { summary: oneLine(`before it is stopped again: ${problem}`, 100) });
      }
    }
  }

  /**
   * Work that needs a slot: repeated, after a slot is taken again, when its worker dies under it; after ever longer pauses, in which
   * the worker is there for others. Throws when that happens again and again.
   */
  async #withRoom<T>(
    step: keyof typeof DYING_UNDER,
    call: (workerId: string) => Promise<T | Lost>,
  ): Promise<T> {
    for (let deaths = 0; ;) {
      await this.#takeRoom();
      this.#parts.status.enter(STATUS_DURING[step]);
      const answer = await timeoutAsLost(call(this.#workerId));
      if (!isLost(answer)) return answer;
      this.#parts.slot.lose();
      if (answer.notStarted) continue;
      deaths++;
      // Once is bad luck.
      if (deaths > 1) await this.#afterDeaths(deaths, step);
    }
  }

  async #afterDeaths(deaths: number, step: keyof typeof DYING_UNDER): Promise<void> {
    const why = `its worker died ${deaths} times in a row ${DYING_UNDER[step]}`;
    if (deaths === MAX_DEATHS) throw workerDied(why);
    const ms = backoff(deaths - 1, Number.parseInt(this.#parts.subagent.runId.slice(0, 8), 16));
    this.#parts.status.enter('queued', triesAgain({ ms, why }));
    await sleep(ms, { summary: why });
  }

  /** Work that is done on the worker whether or not there is slot. Where that is lost the worker is looked for. */
  async #again<T>(workerId: string, call: (taken: Taken) => Promise<T | Lost>): Promise<T> {
    const answer = await timeoutAsLost(call(SOON));
    if (!isLost(answer)) return answer;
    return withWorkerWatch(workerId, this.#parts.notices, () => untilDone(call));
  }

  async #takeRoom(): Promise<void> {
    const { slot } = this.#parts;
    if (slot.held) return;
    const workerId = slot.workerId ?? this.#spec.continues?.workerId;
    this.#parts.status.enter(
      'queued',
      workerId === undefined ? 'waits for a slot on a worker' : `waits for a slot on worker ${workerId}`,
    );
    if (workerId === undefined) await slot.acquire();
    else await withWorkerWatch(workerId, this.#parts.notices, () => slot.acquire());
  }

  get #workerId(): string {
    return assertDefined(this.#parts.slot.workerId, 'a worker');
  }
}

/** The answer of `call`, for which the worker has all the time there is; repeated as often as it dies under that. */
async function untilDone<T>(call: (taken: Taken) => Promise<T | Lost>): Promise<T> {
  for (;;) {
    const answer = await timeoutAsLost(call({}));
    if (!isLost(answer)) return answer;
  }
}

/** What a spec says of its shells. */
function shellInput({ env, signing }: ResolvedSpec): ShellInput {
  return {
    ...(env !== undefined && env.length > 0 && { env }),
    ...(signing === 'off' && { unsigned: true }),
  };
}

function assertDefined<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw ApplicationFailure.nonRetryable(`a step needs ${what} and there is none`, 'INTERNAL');
  return value;
}
