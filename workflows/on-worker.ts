/** What a worker does for one subagent: each call as an activity, repeated where it may be when the worker dies under it. */
import { ApplicationFailure, patched, sleep } from '@temporalio/workflow';
import {
  isRepositoryUrl,
  oneLine,
  type CloneResult,
  type CollectInput,
  type CollectResult,
  type DeliverResult,
  type Evidence,
  type LiveStatus,
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
} from '../src/contract/index.ts';
import { lookingFor, type Told } from './absence.ts';
import { backoff } from './backoff.ts';
import { control, isLost, orLost, SOON, worker, type Taken } from './activity-calls.ts';
import { failureOf, workerDied } from './failure.ts';
import type { Steer } from './inbox.ts';
import { STATUS_DURING } from './life.ts';
import type { Room } from './room.ts';

/** Steps that are repeated when their worker dies, in words. */
const DYING_UNDER = {
  prepare: 'while its workspace was made',
  'set-up': 'during its set-up',
  verify: 'during its verification',
} as const;

/** What `stopSubagent` does, for the Web UI. */
const STOPPING: Readonly<Record<StopInput['mode'], string>> = {
  kill: 'kill: abort its turn, end its processes, give its room back',
  end: 'end: look for processes that it left, give its room back',
  pause: 'pause: give its room back until it goes on',
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

/** Which subagent the calls are for, and who is told of what they wait for. */
export interface Served {
  readonly subagent: SubagentRef;
  readonly spec: ResolvedSpec;
  readonly room: Room;
  become(status: LiveStatus, waitingFor?: string): void;
  /** Who hears that the worker is away. */
  readonly told: Told;
}

export class OnWorker {
  readonly #of: Served;
  #workspace: Workspace | undefined;
  #clone: Cloned | undefined;

  constructor(of: Served) {
    this.#of = of;
  }

  /** Where the subagent works, once that has been made. */
  get workspace(): Workspace | undefined {
    return this.#workspace;
  }

  /** Makes the workspace. Throws what the activity throws. */
  async prepare(): Promise<Workspace> {
    const { subagent, spec } = this.#of;
    const clone = isRepositoryUrl(spec.repo) ? await this.#cloneOf(spec.repo) : undefined;
    const workspace: Workspace = await this.#withRoom('prepare', (workerId) =>
      worker(workerId, SOON).prepareWorkspace.executeWithOptions(
        { summary: `${spec.isolation} of ${spec.repo}` },
        [{ subagent, spec: this.#local }],
      ),
    );
    this.#workspace = clone
      ? { ...workspace, repository: clone.repository, notes: [...clone.notes, ...workspace.notes] }
      : workspace;
    return this.#workspace;
  }

  /** Has the repository of a URL on the worker, and takes what it says of that which the spawn left open into the spec. */
  async #cloneOf(url: string): Promise<Cloned> {
    const { subagent, spec } = this.#of;
    const clone: Cloned = await this.#withRoom('prepare', (workerId) =>
      worker(workerId, SOON).cloneRepository.executeWithOptions({ summary: `clone of ${url}` }, [
        { subagent, spec },
      ]),
    );
    Object.assign(spec, clone.defaults);
    this.#clone = clone;
    return clone;
  }

  /** The spec with the path of the repository on the worker, where the caller gave a URL. */
  get #local(): ResolvedSpec {
    const { spec } = this.#of;
    return this.#clone ? { ...spec, repo: this.#clone.repository } : spec;
  }

  /** Runs the set-up commands in it. Throws what the activity throws. */
  setUp(): Promise<SetUpDone> {
    const { subagent, spec } = this.#of;
    const { cwd } = must(this.#workspace, 'a workspace');
    return this.#withRoom('set-up', (workerId) =>
      worker(workerId, SOON).setUpWorkspace.executeWithOptions(
        { summary: oneLine(`set-up: ${spec.setup.join(' && ')}`, 100) },
        [{ subagent, cwd, commands: spec.setup, ...shellInput(spec) }],
      ),
    );
  }

  /** One attempt of a turn. `room`: `retake` when that of the attempt before went away with its worker. */
  async turn(
    input: Omit<TurnInput, 'subagent' | 'cwd' | 'base' | keyof ShellInput>,
    { room, begin }: { room: 'keep' | 'retake'; begin: () => void },
  ): Promise<TurnResult> {
    const { subagent, spec } = this.#of;
    if (room === 'retake' && this.#of.room.taken) this.#of.room.lose();
    await this.#takeRoom();
    this.#of.become(STATUS_DURING.turn);
    begin();
    const { cwd, base } = must(this.#workspace, 'a workspace');
    return orLost(
      worker(this.#workerId, SOON).runTurn.executeWithOptions(
        { summary: `turn ${input.turn} of ${subagent.label}` },
        [{ subagent, cwd, base, ...input, ...shellInput(spec) }],
      ),
    );
  }

  /** Commits what is left and gathers evidence, and reads what is to be read; with or without room. Throws what the activity throws. */
  async collect(read: Pick<CollectInput, 'report' | 'artifacts'> = {}): Promise<Collected> {
    const { subagent } = this.#of;
    const workspace = must(this.#workspace, 'a workspace');
    const collected = await this.#again(this.#workerId, (taken) =>
      worker(this.#workerId, taken).collectEvidence.executeWithOptions(
        { summary: 'commit what is left, gather evidence' },
        [{ subagent, spec: this.#local, workspace, ...read }],
      ),
    );
    const repository = this.#clone?.repository;
    return repository === undefined
      ? collected
      : { ...collected, evidence: { ...collected.evidence, repository } };
  }

  /** Pushes what was collected to where the repository was cloned from. Throws what the activity throws. */
  async push({ head: commit }: Evidence): Promise<Push> {
    const { subagent, spec } = this.#of;
    const { repository } = must(this.#clone, 'a clone');
    const { cwd } = must(this.#workspace, 'a workspace');
    const { push } = await this.#again(this.#workerId, (taken) =>
      worker(this.#workerId, taken).pushBranch.executeWithOptions({ summary: `push to ${spec.repo}` }, [
        { subagent, cwd, repository, remote: spec.repo, commit },
      ]),
    );
    return push;
  }

  /** Runs the verification commands on what was collected; `begin` is called when the worker is to begin. */
  verify(evidence: Evidence | undefined, begin: () => void): Promise<Verified> {
    const { subagent, spec } = this.#of;
    const { cwd, base } = must(this.#workspace, 'a workspace');
    const input = {
      ...{ subagent, cwd, isolation: spec.isolation, commands: spec.verify },
      head: evidence?.head ?? base,
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

  /** Brings a steer into turn `turn`. */
  deliver({ id: steerId, message, interrupt }: Steer, turn: number): Promise<DeliverResult | Lost> {
    const { subagent } = this.#of;
    return orLost(
      control(this.#workerId).deliverSteer.executeWithOptions({ summary: `steer: ${oneLine(message, 60)}` }, [
        { subagent, steerId, message, turn, ...(interrupt && { interrupt }) },
      ]),
    );
  }

  /** Ends the Copilot session, gives the room back and (but for `pause`) sweeps; nothing where nothing had been started. */
  async stop(
    mode: StopInput['mode'],
    meanwhile: 'asking' | 'waiting' | 'stopping' = 'stopping',
    collected?: StopInput['collected'],
  ): Promise<Stopped> {
    const { subagent, spec, room } = this.#of;
    const { workerId } = room;
    if (workerId === undefined) return {};
    this.#of.become(meanwhile);
    const input: StopInput = {
      subagent,
      mode,
      ...(spec.isolation === 'in-place' && mode !== 'pause' && { inPlaceRepo: spec.repo }),
      ...(spec.trustRepo && { trustRepo: true }),
      ...(collected && { collected }),
    };
    const call = (taken: Taken) =>
      control(workerId, taken).stopSubagent.executeWithOptions({ summary: STOPPING[mode] }, [input]);
    // While it has room its worker was there a moment ago.
    const looks = !room.taken || mode === 'kill';
    const stop = (): Promise<Stopped> => (looks ? untilDone(call) : this.#again(workerId, call));
    const stopped = mode === 'pause' ? stop : (): Promise<Stopped> => this.#orUnstopped(stop);
    return looks ? lookingFor(workerId, this.#of.told, stopped) : stopped();
  }

  /** What `stop` gives. Where it fails again and again, that nothing is known: the subagent must end all the same. */
  async #orUnstopped(stop: () => Promise<Stopped>): Promise<Stopped> {
    for (let tries = 0; ; tries++) {
      try {
        return await stop();
      } catch (error) {
        const { message: problem } = failureOf(error);
        // Runs of before failed without having told their session.
        if (!patched('stop-fails')) throw error;
        const ms = STOP_AGAIN_MS[tries];
        if (ms === undefined) {
          this.#of.room.leaveToWorker();
          return { sweep: NO_SWEEP, problem };
        }
        await sleep(ms, { summary: oneLine(`before it is stopped again: ${problem}`, 100) });
      }
    }
  }

  /**
   * Work that needs room: repeated, after room is taken again, when its worker dies under it; after ever longer pauses, in which
   * the worker is there for others. Throws when that happens again and again.
   */
  async #withRoom<T>(
    step: keyof typeof DYING_UNDER,
    call: (workerId: string) => Promise<T | Lost>,
  ): Promise<T> {
    for (let deaths = 0; ;) {
      await this.#takeRoom();
      this.#of.become(STATUS_DURING[step]);
      const answer = await orLost(call(this.#workerId));
      if (!isLost(answer)) return answer;
      this.#of.room.lose();
      if (answer.unbegun) continue;
      deaths++;
      // Once is bad luck. Runs of before went on for ever.
      if (deaths > 1 && patched('deaths-counted')) await this.#afterDeaths(deaths, step);
    }
  }

  async #afterDeaths(deaths: number, step: keyof typeof DYING_UNDER): Promise<void> {
    const why = `its worker died ${deaths} times in a row ${DYING_UNDER[step]}`;
    if (deaths === MAX_DEATHS) throw workerDied(why);
    const ms = backoff(deaths - 1, Number.parseInt(this.#of.subagent.runId.slice(0, 8), 16));
    this.#of.become('queued', `tries again in ${Math.round(ms / 1000)} s: ${why}`);
    await sleep(ms, { summary: why });
  }

  /** Work that is done on the worker whether or not there is room. Where that is lost the worker is looked for. */
  async #again<T>(workerId: string, call: (taken: Taken) => Promise<T | Lost>): Promise<T> {
    const answer = await orLost(call(SOON));
    if (!isLost(answer)) return answer;
    // Histories of before have no such timer.
    if (!patched('look-when-lost')) return untilDone(call);
    return lookingFor(workerId, this.#of.told, () => untilDone(call));
  }

  async #takeRoom(): Promise<void> {
    const { room } = this.#of;
    if (room.taken) return;
    const workerId = room.workerId ?? this.#of.spec.continues?.workerId;
    this.#of.become(
      'queued',
      workerId === undefined ? 'waits for room on a worker' : `waits for room on worker ${workerId}`,
    );
    if (workerId === undefined) await room.take();
    else await lookingFor(workerId, this.#of.told, () => room.take());
  }

  get #workerId(): string {
    return must(this.#of.room.workerId, 'a worker');
  }
}

/** The answer of `call`, for which the worker has all the time there is; repeated as often as it dies under that. */
async function untilDone<T>(call: (taken: Taken) => Promise<T | Lost>): Promise<T> {
  for (;;) {
    const answer = await orLost(call({}));
    if (!isLost(answer)) return answer;
  }
}

/** What a spec says of its shells; that of a subagent from before there was such a thing says nothing. */
function shellInput({ env, signing }: Partial<ResolvedSpec>): ShellInput {
  return {
    ...(env !== undefined && env.length > 0 && { env }),
    ...(signing === 'off' && { unsigned: true }),
  };
}

function must<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw ApplicationFailure.nonRetryable(`a step needs ${what} and there is none`, 'INTERNAL');
  return value;
}
