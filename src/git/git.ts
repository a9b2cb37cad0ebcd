/** The handle by which everything of ours runs git: made for a place, and by what is trusted there. */
import type { GitSetting } from '../environment/unattended.ts';
import { guardOf } from './trust/local-programs.ts';
import {
  gitError,
  programOf,
  runGit,
  type CallOptions,
  type GitAnswer,
  type GitOptions,
  type GitProgram,
} from './run.ts';

/** What goes for all calls of a handle. */
export interface GitScope extends Pick<
  CallOptions,
  'env' | 'copilotSessionId' | 'signal' | 'timeoutMs' | 'secrets'
> {
  /** Programs run that only the repository itself configures; else none of them does. */
  readonly trusted?: boolean | undefined;
  /** Settings for its calls, over those of every file. */
  readonly config?: readonly GitSetting[] | undefined;
}

/** Git in one folder. A method call may add to what goes for the handle, and take nothing of its guard away. */
export class Git {
  /** Where it runs. */
  readonly cwd: string;
  readonly #scope: GitScope;
  /** The checkout or git folder whose configuration counts. */
  readonly #place: string;

  private constructor(cwd: string, scope: GitScope, place = cwd) {
    this.cwd = cwd;
    this.#scope = scope;
    this.#place = place;
  }

  /** What ends its calls. */
  get signal(): AbortSignal | undefined {
    return this.#scope.signal;
  }

  static at(cwd: string, scope: GitScope = {}): Git {
    return new Git(cwd, scope);
  }

  /** The same in another folder: what is configured there is looked at anew. */
  in(cwd: string): Git {
    return new Git(cwd, this.#scope);
  }

  /** The same repository, by variables of its own (`GIT_DIR`), run in a folder that is no checkout of it. */
  runningIn(folder: string): Git {
    return new Git(folder, this.#scope, this.#place);
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
      this.#place,
    );
  }

  /**
   * Runs git and gives its standard output, without the last newline.
   * @throws SubagentsError GIT with git's own words, DISK_FULL. The reason of `signal` when that ended it.
   */
  async run(args: readonly string[], options: CallOptions = {}): Promise<string> {
    const answer = await this.try(args, options);
    if (answer.exitCode !== 0) throw gitError(args, this.cwd, answer);
    return answer.stdout;
  }

  /**
   * Runs git and gives its exit code with what it printed (standard output without the last newline).
   * @throws SubagentsError GIT when it could not run or was ended; the reason of `signal` when that ended it.
   */
  async try(args: readonly string[], options: CallOptions = {}): Promise<GitAnswer> {
    return runGit(args, await this.#guarded(options));
  }

  /** How it would be started: for calls whose output is streamed. */
  async program(args: readonly string[], options: CallOptions = {}): Promise<GitProgram> {
    return programOf(args, await this.#guarded(options));
  }

  async #guarded(options: CallOptions): Promise<GitOptions> {
    const { trusted = false, config = [], env, ...scope } = this.#scope;
    const guard = trusted ? undefined : await guardOf(this.#place);
    return {
      ...scope,
      ...options,
      cwd: this.cwd,
      env: { ...env, ...options.env, ...guard?.env },
      // Of one key the last counts.
      config: [...(options.config ?? []), ...config, ...(guard?.config ?? [])],
    };
  }
}
