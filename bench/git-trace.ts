/** Counts the git processes that run: each writes a trace file (trace2.eventTarget in git-config(1)). */
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class GitTrace implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async begin(): Promise<GitTrace> {
    const trace = new GitTrace(await mkdtemp(join(tmpdir(), 'subagents-bench-git-')));
    await mkdir(trace.#events);
    await writeFile(trace.config, `[trace2]\n\teventTarget = ${trace.#events}\n`);
    return trace;
  }

  /** Global git configuration file for the processes that are to be counted. */
  get config(): string {
    return join(this.#folder, 'config');
  }

  /** Number of processes that have started until now. */
  get processes(): number {
    return readdirSync(this.#events).length;
  }

  get #events(): string {
    return join(this.#folder, 'events');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
