/** One spawner process, as the process that started it sees it. */
import type { ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Program, ProgramEnd, SpawnerStart } from './program.ts';

/** To the spawner: run this program, in a spawner of its own where that says how it is started; or end the one with this id. */
export type SpawnerRequest =
  | { readonly id: number; readonly run: Program; readonly inside?: SpawnerStart | undefined }
  | { readonly id: number; readonly end: true };
/** From the spawner: how the program ended, or why it could not be started. */
export type SpawnerAnswer =
  | { readonly id: number; readonly ended: ProgramEnd }
  | { readonly id: number; readonly error: { readonly message: string; readonly syscall?: string } };

/** A spawner process, connected by the channel of `node:child_process`. It does not keep this process alive. */
export class SpawnerLink {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: SpawnerAnswer) => void>();
  #last = 0;
  /** Why it is gone. */
  #gone: string | undefined;

  /** @param onExit called once, when the process is gone */
  constructor(child: ChildProcess, onExit: () => void) {
    this.#process = child;
    child.unref();
    child.channel?.unref();
    child.on('message', (answer) => {
      if (isAnswer(answer)) this.#settle(answer);
      else this.kill();
    });
    const said = child.stderr === null ? Promise.resolve('') : text(child.stderr);
    let gone = false;
    const handleExit = (): void => {
      if (gone) return;
      gone = true;
      onExit();
      void said.catch(() => '').then((stderr) => this.#handleExit(stderr.trim()));
    };
    child.on('error', handleExit);
    child.on('exit', handleExit);
  }

  /** Whether no program runs. */
  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  /** Ends the spawner. */
  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  /** Ends the spawner, and with it what runs in it, at once. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** See `runHere`. @param inside in which other spawner it is to run */
  async run(program: Program, signal?: AbortSignal, inside?: SpawnerStart): Promise<ProgramEnd> {
    const id = ++this.#last;
    const end = (): void => this.#send({ id, end: true });
    const answered = new Promise<SpawnerAnswer>((resolve) => this.#waiting.set(id, resolve));
    this.#process.channel?.ref();
    this.#send({ id, run: program, inside });
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
      if (error === null) return;
      // What it said at its end tells more than a broken channel.
      if (this.#gone === undefined) this.kill();
      else this.#settle({ id: order.id, error: { message: this.#gone } });
    });
  }

  #settle(answer: SpawnerAnswer): void {
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#process.channel?.unref();
  }

  /** Fails the programs that ran in it. */
  #handleExit(stderr: string): void {
    const message = ['the spawner process that ran it died', stderr].filter(Boolean).join(': ');
    this.#gone = message;
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, error: { message } });
  }
}

/** Whether a message is an answer. A program behind the same walls could send others, or have them sent. */
function isAnswer(message: unknown): message is SpawnerAnswer {
  const { id, ended, error } = (message ?? {}) as Partial<Record<string, unknown>>;
  if (typeof id !== 'number') return false;
  if (ended === undefined) return typeof (error as { message?: unknown } | undefined)?.message === 'string';
  const { exitCode, stdout, stderr } = (ended ?? {}) as Partial<Record<string, unknown>>;
  const isCode = exitCode === null || typeof exitCode === 'number';
  return isCode && typeof stdout === 'string' && typeof stderr === 'string';
}
