/** A worker of a chaos run with its own home. It is restarted whenever it ends, as a supervisor would do. */
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openHome } from '../src/home/home.ts';
import { signalProcess, type ProcessIdentity } from '../src/system/process.ts';
import { processTree } from '../src/worker/up/processes.ts';
import { startWorkerChild, type WorkerChild } from '../src/worker/up/worker-child.ts';

/** Milliseconds between attempts to start a worker that does not come up. */
const RETRY_MS = 1_000;

export interface WorkerOptions {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly address: string;
  readonly namespace: string;
}

export class WorkerUnderTest {
  readonly home: string;
  readonly logFile: string;
  /** How it ended when it was not struck. */
  readonly deaths: string[] = [];
  /** Milliseconds from the start of each process until it polls. */
  readonly startsMs: number[] = [];
  readonly #options: WorkerOptions;
  readonly #over = new AbortController();
  #child: WorkerChild | undefined;
  #ready = false;
  #expected = false;
  #awayMs = 0;
  #kept: Promise<void> = Promise.resolve();

  private constructor(options: WorkerOptions) {
    this.#options = options;
    this.home = options.home;
    this.logFile = join(options.home, 'logs', 'worker.log');
  }

  /** Resolves when the worker polls. */
  static async start(options: WorkerOptions): Promise<WorkerUnderTest> {
    await openHome(options.home);
    const worker = new WorkerUnderTest(options);
    await worker.#spawn();
    worker.#kept = worker.#keep();
    return worker;
  }

  /** Its process and all current descendants. */
  get family(): ProcessIdentity[] {
    return this.#child === undefined ? [] : processTree(this.#child.pid);
  }

  /** Its Copilot runtimes. */
  get runtimes(): ProcessIdentity[] {
    return this.family.filter(({ pid }) => commandOf(pid).includes('--headless'));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Strikes the worker. Returns false if it is not running now. */
  async strike(
    way: 'kill' | 'terminate' | 'freeze',
    forMs: number,
    wait: (ms: number) => Promise<void>,
  ): Promise<boolean> {
    const child = this.#child;
    if (child === undefined || !this.#ready || this.#expected) return false;
    if (way === 'freeze') return freeze(child, forMs, wait);
    this.#expected = true;
    this.#awayMs = forMs;
    if (way === 'kill') signalProcess(child, 'SIGKILL');
    else void child.stop();
    await child.exited;
    return true;
  }

  /** Waits until the worker polls, for the checks at the end. */
  async settled(): Promise<void> {
    while (!this.#ready && !this.#over.signal.aborted) await delay(50);
  }

  /** Stops the worker for good: SIGTERM, then SIGKILL if necessary. */
  async stop(): Promise<void> {
    this.#over.abort();
    if (this.#child !== undefined) signalProcess(this.#child, 'SIGCONT');
    await this.#child?.stop();
    await this.#kept;
  }

  async #spawn(): Promise<void> {
    const { home, env, address, namespace } = this.#options;
    const began = Date.now();
    const child = startWorkerChild({ home, env, address, namespace, logFile: this.logFile });
    this.#child = child;
    await child.ready;
    this.startsMs.push(Date.now() - began);
    this.#expected = false;
    this.#ready = true;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const exit = await this.#child?.exited;
      this.#ready = false;
      if (signal.aborted) return;
      if (!this.#expected) this.deaths.push(exit?.signal ?? `exit code ${exit?.exitCode}`);
      await delay(this.#awayMs, undefined, { signal }).catch(() => undefined);
      this.#awayMs = 0;
      while (!signal.aborted && !this.#ready) {
        try {
          await this.#spawn();
        } catch {
          // The server is away, and will return.
          await this.#child?.stop();
          await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
        }
      }
    }
  }
}

/** Sends SIGSTOP, then SIGCONT after `forMs` in any case. Returns false if the process is gone. */
export async function freeze(
  identity: ProcessIdentity,
  forMs: number,
  wait: (ms: number) => Promise<void>,
): Promise<boolean> {
  if (!signalProcess(identity, 'SIGSTOP')) return false;
  try {
    await wait(forMs);
  } finally {
    signalProcess(identity, 'SIGCONT');
  }
  return true;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it has ended meanwhile
  }
}
