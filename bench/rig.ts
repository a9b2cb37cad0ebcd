/** The set-up of a measurement, real except for the model: server, worker, Copilot CLI, a repository, and the peer. */
import { mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Subagents, type SessionHandle, type SpawnSpec } from '../src/client/index.ts';
import { findCopilot } from '../src/copilot/runtime/executable.ts';
import { makeRepository } from '../src/demo/repository.ts';
import { RunningUp } from '../src/demo/running-up.ts';
import { startScriptedModel, type Scenario, type ScriptedModel } from '../src/demo/scripted-model.ts';
import { pollUntil } from '../src/demo/until.ts';
import { Git } from '../src/git/git.ts';
import { readSettings } from '../src/home/settings.ts';
import { withoutTemporal } from '../src/temporal/environment.ts';
import { Arrivals } from './arrivals.ts';
import { runBare, startBare } from './bare.ts';
import { closeWhenInterrupted, type Open } from './interruption.ts';
import { endMarked, killAll, MARK, markedProcesses, memoryOf } from './processes.ts';
import { A_PROJECT, BENCH_AUTHOR, HELLO, SCENARIOS } from './tasks.ts';

/** Long, because the server's program may have to be built first. */
const READY_TIMEOUT_MS = 15 * 60_000;
const SHELLS_TIMEOUT_MS = 120_000;

/** Which processes: ours, or those of plain `copilot -p`. */
export type Side = 'ours' | 'bare';

export interface RigOptions {
  /** Concurrent subagents. */
  readonly slots?: number;
  /** Global git configuration file; default: none. */
  readonly gitConfig?: string;
  /** Whether messages are not encrypted. */
  readonly plain?: boolean;
  /** Scenarios of the scripted model that precede those of the tasks. */
  readonly scenarios?: readonly Scenario[];
  /** Called with one line of progress for slow steps. */
  readonly onProgress: (line: string) => void;
}

export class Rig implements Open {
  readonly folder: string;
  readonly model: ScriptedModel;
  readonly #executable: string;
  #up: RunningUp | undefined;
  #subagents: Subagents | undefined;
  #arrivals: Arrivals | undefined;
  #closed: Promise<void> | undefined;
  readonly #unregister: () => void;

  private constructor(folder: string, model: ScriptedModel, executable: string) {
    this.folder = folder;
    this.model = model;
    this.#executable = executable;
    this.#unregister = closeWhenInterrupted(this);
  }

  /** Starts everything, and lets both sides do the task once, so that nothing is measured cold. */
  static async open(options: RigOptions): Promise<Rig> {
    // Ignores the git configuration of user and system, here and in all child processes.
    Object.assign(process.env, {
      GIT_CONFIG_GLOBAL: options.gitConfig ?? '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
    });
    const executable = await findCopilot(readSettings().copilotPath);
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'subagents-bench-')));
    const model = await startScriptedModel([...(options.scenarios ?? []), ...SCENARIOS]);
    const rig = new Rig(folder, model, executable);
    try {
      await rig.#start(options);
      return rig;
    } catch (error) {
      await rig[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The repository that subagents work on. */
  get repo(): string {
    return join(this.folder, 'project');
  }
  get home(): string {
    return join(this.folder, 'home');
  }
  get subagents(): Subagents {
    return must(this.#subagents);
  }
  get session(): SessionHandle {
    return this.subagents.session();
  }
  /** Pid of the newest worker that became ready. */
  get workerPid(): number {
    return must(this.#up?.worker()?.pid);
  }
  /** The times of the session's announcements. */
  get arrivals(): Arrivals {
    return must(this.#arrivals);
  }

  /** Spawns a subagent on the repository. Resolves when it is accepted. */
  async spawn(spec: Pick<SpawnSpec, 'label' | 'task' | 'isolation' | 'verify'>): Promise<void> {
    await this.session.spawn({ repo: this.repo, ...spec });
  }

  /** Creates a new checkout for a peer. @returns its path */
  async checkout(name: string): Promise<string> {
    const path = join(this.folder, 'checkouts', name);
    await rm(path, { recursive: true, force: true });
    await Git.at(this.folder).run(['clone', '--quiet', this.repo, path]);
    return path;
  }

  /** Runs plain `copilot -p` to its end. @returns its wall time in milliseconds */
  bare(task: string, cwd: string): Promise<number> {
    return runBare({ executable: this.#executable, env: this.environment('bare') }, task, cwd);
  }

  /** Starts a plain `copilot -p` that is ended with the rig. */
  startBare(task: string, cwd: string): void {
    startBare({ executable: this.#executable, env: this.environment('bare') }, task, cwd);
  }

  /** Memory of all processes of that side, in MB. */
  memory(side: Side): number {
    return memoryOf(markedProcesses(this.#mark(side)));
  }

  /** Waits until `count` slow commands have started on that side. */
  async shells(side: Side, count: number): Promise<void> {
    const folder = join(this.#mark(side), 'waiting');
    const deadline = Date.now() + SHELLS_TIMEOUT_MS;
    while (readdirSync(folder).length < count) {
      if (Date.now() > deadline) throw new Error(`the slow command ${count} of ${side} did not start`);
      await delay(5);
    }
  }

  /** The environment of all processes on that side. */
  environment(side: Side): Record<string, string> {
    return {
      ...withoutTemporal(process.env),
      ...this.model.env,
      [MARK]: this.#mark(side),
      COPILOT_HOME: join(this.#mark(side), 'copilot'),
      SUBAGENTS_HOME: this.home,
    };
  }

  /** Closes the rig once; further calls wait for that. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close().finally(this.#unregister);
    return this.#closed;
  }

  abandon(): void {
    killAll(markedProcesses(this.folder));
  }

  async #close(): Promise<void> {
    killAll(markedProcesses(this.#mark('bare')));
    await this.#subagents?.close();
    await this.#up?.stop();
    await this.model.stop();
    // Slow commands of either side outlive their parents.
    await endMarked(this.folder);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  async #start({ slots, plain, onProgress }: RigOptions): Promise<void> {
    for (const side of ['ours', 'bare'] as const)
      mkdirSync(join(this.#mark(side), 'waiting'), { recursive: true });
    await makeRepository(this.repo, { ...BENCH_AUTHOR, ...A_PROJECT });
    this.#up = await RunningUp.start({
      home: this.home,
      env: {
        ...this.environment('ours'),
        ...(slots !== undefined && { SUBAGENTS_SLOTS: String(slots) }),
        ...(plain && { SUBAGENTS_KEYS: 'off' }),
      },
      now: new AbortController().signal,
      onEvent: () => undefined,
      onProgress,
    });
    const up = this.#up;
    const options = { timeoutMs: READY_TIMEOUT_MS, signal: new AbortController().signal };
    if ((await pollUntil(() => up.worker(), options)) === undefined)
      throw new Error('no worker became ready');
    this.#subagents = await Subagents.connect({ home: this.home, env: this.environment('ours') });
    this.#arrivals = new Arrivals(this.session);
    await this.spawn({ label: 'warm-up', task: HELLO });
    await this.arrivals.of('warm-up');
    await this.bare(HELLO, await this.checkout('warm-up'));
  }

  #mark(side: Side): string {
    return join(this.folder, 'marks', side);
  }
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the rig is not set up');
  return value;
}
