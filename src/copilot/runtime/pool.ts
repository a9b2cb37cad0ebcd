/**
 * The worker's Copilot runtime: one process for all its subagents, started on first use and restarted after its death.
 */
import { SubagentsError, type Policy } from '../../contract/index.ts';
import { EndedRuns } from '../../home/ended-runs.ts';
import { secretsIn } from '../../environment/clean.ts';
import type { HomePaths } from '../../home/home.ts';
import { Redactor } from '../../environment/redact.ts';
import type { Settings } from '../../home/settings.ts';
import { ensurePrivateDir } from '../../system/files.ts';
import { COPILOT_PATH_VARIABLE, findCopilot } from './executable.ts';
import { LiveTurns } from '../turn/live-turns.ts';
import { shareLogin } from './login.ts';
import { providerFrom } from './provider.ts';
import { killFormerRuntime, recordRuntime } from './former-runtime.ts';
import { startError, RuntimeDied, startRuntime, type Runtime } from './runtime.ts';

/** A runtime that was ended this often in a row during its start counts as one that cannot start. */
const MAX_ENDED_AT_START = 5;

/** How a pool finds and runs the Copilot CLI. */
export interface CopilotPoolOptions {
  /** `paths.copilot`: directory of the runtime's state (`COPILOT_HOME`), separate from the user's own. */
  readonly home: { readonly paths: Pick<HomePaths, 'copilot'> };
  readonly settings?: Pick<Settings, 'copilotPath'> & Partial<Pick<Settings, 'policy'>>;
  /**
   * Default: this process's environment. Source of credentials, provider and model; the subagents' shells inherit it.
   */
  readonly env?: NodeJS.ProcessEnv;
  /** Redacts secrets in all Copilot events; default: the secrets of `env`. */
  readonly redactor?: Redactor;
}

/** Holds the worker's runtime, and everything that runs in it. */
export class CopilotPool {
  readonly copilotHome: string;
  readonly env: NodeJS.ProcessEnv;
  readonly redactor: Redactor;
  /** Runs in which no turn may begin any more. */
  readonly ended = new EndedRuns();
  /** The running turns. */
  readonly turns = new LiveTurns();
  /** The policy of all subagents of the worker. */
  readonly policy: Policy | undefined;
  readonly #copilotPath: string | undefined;
  #runtime: Promise<Runtime> | undefined;
  #started: Runtime | undefined;
  #version: { readonly of: Runtime; readonly is: string | undefined } | undefined;
  #stopped = false;
  /** Times in a row that the runtime was ended during its start. */
  #endedAtStart = 0;

  constructor(options: CopilotPoolOptions) {
    this.copilotHome = options.home.paths.copilot;
    this.env = options.env ?? process.env;
    this.redactor = options.redactor ?? new Redactor(secretsIn(this.env));
    this.policy = options.settings?.policy;
    this.#copilotPath = options.settings?.copilotPath ?? this.env[COPILOT_PATH_VARIABLE];
  }

  /** Starts the runtime ahead of need (0.5 s). Never rejects: a problem surfaces when the runtime is needed. */
  async warm(): Promise<void> {
    await this.runtime().catch(() => undefined);
  }

  /** The version of the Copilot CLI that runs; undefined while none runs, or when it does not answer. */
  async version(): Promise<string | undefined> {
    const runtime = this.alive;
    if (runtime === undefined) return undefined;
    if (this.#version?.of === runtime) return this.#version.is;
    const is = await runtime
      .request(runtime.client.getStatus())
      .then(({ version }) => version)
      .catch(() => undefined);
    this.#version = { of: runtime, is };
    return is;
  }

  /** Whether the worker stopped its runtime; turns resume after the worker's next start. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** The running runtime, if there is one. */
  get alive(): Runtime | undefined {
    return this.#started?.death === undefined ? this.#started : undefined;
  }

  /**
   * A runtime that is alive as far as is known, started if necessary.
   * @throws COPILOT_MISSING when it cannot be started, RuntimeDied when it was ended while it started
   */
  async runtime(): Promise<Runtime> {
    if (this.#stopped) throw new SubagentsError('INTERNAL', 'the worker is shutting down');
    const current = (this.#runtime ??= this.#start());
    const runtime = await current;
    if (runtime.death === undefined) return runtime;
    if (this.#runtime === current) this.#runtime = undefined;
    return this.runtime();
  }

  async #start(): Promise<Runtime> {
    try {
      ensurePrivateDir(this.copilotHome);
      if (providerFrom(this.env, undefined) === undefined) await shareLogin(this.env, this.copilotHome);
      await killFormerRuntime(this.copilotHome);
      const path = await findCopilot(this.#copilotPath);
      const runtime = await this.#startAt(path);
      recordRuntime(this.copilotHome, runtime.pid);
      this.#started = runtime;
      return runtime;
    } catch (error) {
      this.#runtime = undefined;
      throw error;
    }
  }

  /** Starts a runtime. One that is ended at every start is reported as one that cannot be started. */
  async #startAt(path: string): Promise<Runtime> {
    try {
      const runtime = await startRuntime({ path, copilotHome: this.copilotHome, env: this.env });
      this.#endedAtStart = 0;
      return runtime;
    } catch (error) {
      if (error instanceof RuntimeDied && ++this.#endedAtStart >= MAX_ENDED_AT_START)
        throw startError(path, error.cause);
      throw error;
    }
  }

  /** Ends the runtime. Turns in it stay resumable. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const runtime = await this.#runtime?.catch(() => undefined);
    await runtime?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
