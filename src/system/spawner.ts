/**
 * Starts programs on behalf of a large process.
 *
 * To start a program, Linux first copies the page tables of the starting process, and Node waits for that: 1 ms for a
 * process of 50 MB, 11 ms for 150 MB, 25 ms for 350 MB (docs/decisions/0011-a-small-process-starts-programs.md). A
 * worker starts about twenty programs for each subagent, so it delegates this to a small process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { runHere, type Program, type ProgramEnd } from './program.ts';
import { compiledFile } from './compiled-file.ts';

/** To the spawner: run this program, or end the one with this id. */
export type SpawnerRequest =
  { readonly id: number; readonly run: Program } | { readonly id: number; readonly end: true };
/** From the spawner: how the program ended, or why it could not be started. */
export type SpawnerAnswer =
  | { readonly id: number; readonly ended: ProgramEnd }
  | { readonly id: number; readonly error: { readonly message: string; readonly syscall?: string } };

/** Runs a program, by the spawner if this process has one, otherwise as a child of its own. See `runHere`. */
export function runProgram(program: Program, signal?: AbortSignal): Promise<ProgramEnd> {
  return spawner === undefined ? runHere(program, signal) : spawner.run(program, signal);
}

/**
 * Makes this process use a spawner from now on. The spawner ends with this process; if it dies earlier, programs are
 * started directly.
 */
export function useSpawner(): void {
  spawner ??= new Spawner();
}
let spawner: Spawner | undefined;

class Spawner {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: SpawnerAnswer) => void>();
  #last = 0;

  constructor() {
    this.#process = fork(compiledFile('system/spawner-process.bundle.js'), [], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    // The spawner must not keep this process alive.
    this.#process.unref();
    this.#process.channel?.unref();
    this.#process.on('message', (answer: SpawnerAnswer) => this.#settle(answer));
    this.#process.on('error', () => this.#handleExit());
    this.#process.on('exit', () => this.#handleExit());
  }

  async run(program: Program, signal?: AbortSignal): Promise<ProgramEnd> {
    const id = ++this.#last;
    const end = (): void => this.#send({ id, end: true });
    const answered = new Promise<SpawnerAnswer>((resolve) => this.#waiting.set(id, resolve));
    this.#process.channel?.ref();
    this.#send({ id, run: program });
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
    try {
      const answer = await answered;
      if ('ended' in answer) return answer.ended;
      const { message, ...rest } = answer.error;
      throw Object.assign(new Error(message), rest);
    } finally {
      signal?.removeEventListener('abort', end);
    }
  }

  #send(order: SpawnerRequest): void {
    this.#process.send(order, (error) => {
      if (error)
        this.#settle({ id: order.id, error: { message: `the spawner process died: ${error.message}` } });
    });
  }

  #settle(answer: SpawnerAnswer): void {
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#process.channel?.unref();
  }

  /** Handles the end of the spawner: its running programs fail, and later ones are started directly. */
  #handleExit(): void {
    if (spawner === this) spawner = undefined;
    for (const id of [...this.#waiting.keys()])
      this.#settle({ id, error: { message: 'the spawner process that ran it died' } });
  }
}
