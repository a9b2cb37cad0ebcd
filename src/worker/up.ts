/** `up`: an embedded Temporal server and a worker as children of this process, kept running until they are told to stop. */
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../contract/errors.ts';
import type { HomeView } from '../home/home.ts';
import { lockHome } from '../home/lock.ts';
import { readSettings } from '../home/settings.ts';
import { ownIdentity, processStartTime, signalProcess } from '../system/process.ts';
import { startEmbedded, type EmbeddedServer } from '../temporal/embedded.ts';
import { removeUpFile, writeUpFile } from '../temporal/up-file.ts';
import { upEvent, type Part, type UpEvent, type UpHappening } from './up-events.ts';
import { lastLines, logFiles } from './up-files.ts';
import { aborted, keepRunning } from './up-keep.ts';
import { Restarts } from './up-restarts.ts';
import { startWorkerChild, type WorkerChild } from './up-worker.ts';

/** Where and how `up` runs. */
export interface UpOptions {
  readonly home: HomeView;
  /** Told of everything that happens, as it happens. */
  readonly onEvent: (event: UpEvent) => void;
  /** Called with one line of progress when getting the server's program takes long. */
  readonly onProgress: (line: string) => void;
  /** Ends it: the worker hands its turns back, then the server is stopped. */
  readonly signal: AbortSignal;
  /** Ends it now: both are killed. */
  readonly now?: AbortSignal | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** How long a server's start that is under way may take to come to its end when everything is to stop. */
const START_GRACE_MS = 5_000;

/**
 * Runs server and worker until `signal`, and starts either again when it dies.
 * @throws SubagentsError BAD_INPUT (a setting), HOME_BUSY (naming who has the home), and what `startEmbedded` throws; INTERNAL when a part dies again and
 * again, with the end of its log. Nothing is left running then.
 */
export async function runUp(options: UpOptions): Promise<void> {
  const { home } = options;
  // The worker would fail over it again and again.
  readSettings(options.env ?? process.env);
  const lock = await lockHome(home, 'up');
  try {
    await new Supervisor(options).run();
  } finally {
    removeUpFile(home.root, process.pid);
    lock.release();
  }
}

class Supervisor {
  readonly #options: UpOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #startedAt = new Date().toISOString();
  readonly #serverReady = new AbortController();
  #startingServer: Promise<EmbeddedServer> | undefined;
  #server: EmbeddedServer | undefined;
  #worker: WorkerChild | undefined;

  constructor(options: UpOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
  }

  async run(): Promise<void> {
    const { signal: stop, now } = this.#options;
    const givenUp = new AbortController();
    const signal = AbortSignal.any([stop, givenUp.signal]);
    now?.addEventListener('abort', () => this.#killAll());
    try {
      await Promise.all([this.#keepServer(signal), this.#keepWorker(signal)]);
    } finally {
      givenUp.abort();
      await this.#stopAll();
    }
  }

  async #keepServer(signal: AbortSignal): Promise<void> {
    await keepRunning({
      signal,
      // It makes several attempts of its own, and says why it failed.
      restarts: new Restarts({ failedStarts: 1 }),
      start: async (again) => await this.#startServer(again),
      ...this.#deathsOf('server'),
    });
  }

  async #keepWorker(signal: AbortSignal): Promise<void> {
    await Promise.race([aborted(this.#serverReady.signal), aborted(signal)]);
    await keepRunning({
      signal,
      restarts: new Restarts({ failedStarts: 3 }),
      start: async (again) => await this.#startWorker(again),
      ...this.#deathsOf('worker'),
    });
  }

  #deathsOf(part: Part) {
    return {
      onDeath: (
        exit: { exitCode?: number | undefined; signal?: string | undefined } | undefined,
        restartInMs: number,
      ) =>
        this.#tell({
          event: 'died',
          part,
          exitCode: exit?.exitCode ?? null,
          signal: exit?.signal ?? null,
          restartInMs,
        }),
      givenUp: () => {
        const log = logFiles(this.#options.home)[part];
        return new SubagentsError(
          'INTERNAL',
          [`the ${part} dies again and again`, ...lastLines(log)].join('\n'),
          {
            remedy: `see its log, ${log}`,
          },
        );
      },
    };
  }

  async #startServer(again: boolean): Promise<EmbeddedServer> {
    const { home, onProgress } = this.#options;
    const before = this.#server;
    this.#startingServer = startEmbedded({
      dataDir: home.paths.temporal,
      logFile: logFiles(home).server,
      onProgress,
      // The same ports again: the worker and everyone else find it without being told.
      ports: before && { grpc: portOf(`tcp://${before.address}`), ui: portOf(before.uiUrl) },
      env: this.#env,
    });
    const server = await this.#startingServer;
    this.#server = server;
    const { address, namespace, uiUrl, pid } = server;
    // Its ports were taken meanwhile: the worker starts anew, with the new address.
    if (before !== undefined && before.address !== address) void this.#worker?.stop();
    this.#writeUpFile();
    this.#tell({ event: 'server-ready', address, namespace, uiUrl, pid, again });
    this.#serverReady.abort();
    return server;
  }

  async #startWorker(again: boolean): Promise<WorkerChild> {
    const { home } = this.#options;
    const server = this.#server;
    if (server === undefined)
      throw new SubagentsError('INTERNAL', 'the worker was started before the server');
    const { address, namespace } = server;
    const log = logFiles(home).worker;
    const worker = startWorkerChild({ address, namespace, home: home.root, logFile: log, env: this.#env });
    this.#worker = worker;
    void worker.exited.then(() => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#writeUpFile();
    });
    try {
      const { workerId, room } = await worker.ready;
      this.#writeUpFile();
      this.#tell({ event: 'worker-ready', workerId, room, pid: worker.pid, again });
      return worker;
    } catch (error) {
      // One that takes too long to become ready still runs.
      await worker.stop();
      throw error;
    }
  }

  /** Worker first: it still needs the server to hand its turns back. */
  async #stopAll(): Promise<void> {
    if (this.#worker !== undefined) {
      this.#tell({ event: 'stopping', part: 'worker' });
      await this.#worker.stop();
    }
    // A program that is still being downloaded or built is not waited for.
    await Promise.race([
      this.#startingServer?.then((server) => (this.#server = server)).catch(() => undefined),
      delay(START_GRACE_MS, undefined, { ref: false }),
    ]);
    if (this.#server !== undefined) {
      this.#tell({ event: 'stopping', part: 'server' });
      await this.#server.stop();
    }
    this.#tell({ event: 'stopped' });
  }

  #killAll(): void {
    if (this.#worker !== undefined) signalProcess(this.#worker, 'SIGKILL');
    const startTime = this.#server && processStartTime(this.#server.pid);
    if (this.#server !== undefined && startTime !== undefined) {
      signalProcess({ pid: this.#server.pid, startTime }, 'SIGKILL');
    }
  }

  /** Says to other commands what runs. Where that cannot be written it runs all the same. */
  #writeUpFile(): void {
    if (this.#server === undefined) return;
    const { address, namespace, uiUrl } = this.#server;
    const workerPid = this.#worker?.pid;
    try {
      writeUpFile(this.#options.home.root, {
        ...ownIdentity(),
        address,
        namespace,
        uiUrl,
        startedAt: this.#startedAt,
        ...(workerPid !== undefined && { workerPid }),
      });
    } catch (error) {
      this.#tell({ event: 'unwritten', problem: (error as Error).message });
    }
  }

  #tell(happening: UpHappening): void {
    this.#options.onEvent(upEvent(happening));
  }
}

const portOf = (url: string): number => Number(new URL(url).port);
