/**
 * The handle through which all of our code runs git: it has a folder, and knows whether the repository there is
 * trusted.
 */
import type { GitSetting } from '../environment/unattended.ts';
import { readConfiguration, type Configuration } from './trust/configuration.ts';
import { guardOf } from './trust/local-programs.ts';
import {
  gitError,
  gitProgram,
  runGit,
  type GitCallOptions,
  type GitAnswer,
  type GitOptions,
  type GitProgram,
} from './run.ts';

/** Options of all calls through a handle. */
export interface GitScope extends Pick<
  GitCallOptions,
  'env' | 'copilotSessionId' | 'signal' | 'timeoutMs' | 'secrets'
> {
  /** Whether git may run programs that only the repository itself configures; default: no. */
  readonly trusted?: boolean | undefined;
  /** Settings for the calls, which override those of every configuration file. */
  readonly config?: readonly GitSetting[] | undefined;
}

/** Git in one folder. A call may add options to those of the handle, but cannot weaken its protection. */
export class Git {
  /** The folder in which git runs. */
  readonly cwd: string;
  readonly #scope: GitScope;
  /** The checkout or git folder whose configuration applies. */
  readonly #configFolder: string;

  private constructor(cwd: string, scope: GitScope, place = cwd) {
    this.cwd = cwd;
    this.#scope = scope;
    this.#configFolder = place;
  }

  /** The signal that ends the calls. */
  get signal(): AbortSignal | undefined {
    return this.#scope.signal;
  }

  static at(cwd: string, scope: GitScope = {}): Git {
    return new Git(cwd, scope);
  }

  /** Returns the same handle in another folder; the configuration there is checked anew. */
  in(cwd: string): Git {
    return new Git(cwd, this.#scope);
  }

  /**
   * Returns a handle for the same repository, named by variables (`GIT_DIR`), that runs in a folder outside its
   * checkouts.
   */
  runningIn(folder: string): Git {
    return new Git(folder, this.#scope, this.#configFolder);
  }

  with({ env, config = [], ...scope }: Omit<GitScope, 'trusted'>): Git {
    const before = this.#scope;
    return new Git(
      this.cwd,
      {
        ...before,
        ...scope,
        env: { ...before.env, ...env },
        config: [...(before.config ?? []), ...config],
      },
      this.#configFolder,
    );
  }

  /**
   * Runs git and returns its standard output, without the last newline.
   * @throws SubagentsError GIT with git's own message, DISK_FULL. The reason of `signal` when that ended the call.
   */
  async run(args: readonly string[], options: GitCallOptions = {}): Promise<string> {
    const answer = await this.try(args, options);
    if (answer.exitCode !== 0) throw gitError(args, this.cwd, answer);
    return answer.stdout;
  }

  /**
   * Runs git and returns its exit code and output (standard output without the last newline).
   * @throws SubagentsError GIT when git could not run or was ended; the reason of `signal` when that ended it.
   */
  async try(args: readonly string[], options: GitCallOptions = {}): Promise<GitAnswer> {
    return runGit(args, await this.#guarded(options));
  }

  /** Reads the settings that apply in the folder; those of this handle have precedence over those of the repository. */
  async configuration(): Promise<Configuration> {
    const { local, global } = await readConfiguration(this.#configFolder);
    const { config = [] } = this.#scope;
    if (config.length === 0) return { local, global };
    // All but the subsection of a key is in lower case.
    const own = config.map(
      ([key, value]) => [key.replace(/^[^.]+|[^.]+$/g, (part) => part.toLowerCase()), [value]] as const,
    );
    return { local: new Map([...local, ...own]), global };
  }

  /** Returns the program, arguments and environment of a call, for calls whose output is streamed. */
  async program(args: readonly string[], options: GitCallOptions = {}): Promise<GitProgram> {
    return gitProgram(args, await this.#guarded(options));
  }

  async #guarded(options: GitCallOptions): Promise<GitOptions> {
    const { trusted = false, config = [], env, ...scope } = this.#scope;
    const guard = trusted ? undefined : await guardOf(this.#configFolder);
    return {
      ...scope,
      ...options,
      cwd: this.cwd,
      env: { ...env, ...options.env, ...guard?.env },
      // When a key occurs several times, the last value applies.
      config: [...(options.config ?? []), ...config, ...(guard?.config ?? [])],
    };
  }
}
