/** `up`: an embedded Temporal server and a worker as children of this process, kept running until they are told to stop. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../../contract/errors.ts';
import type { HomeView } from '../../home/home.ts';
import { lockHome } from '../../home/lock.ts';
import { readSettings } from '../../home/settings.ts';
import { freeBytes } from '../../system/disk-space.ts';
import { requirePackages, WORKER_PACKAGES } from '../../system/optional-packages.ts';
import { ownIdentity, processStartTime, signalProcess } from '../../system/process.ts';
import { startEmbedded, type EmbeddedServer } from '../../temporal/embedded.ts';
import { DATABASE } from '../../temporal/embedded-arguments.ts';
import { removeUpFile, writeUpFile } from '../../temporal/up-file.ts';
import { requireWritable } from '../upkeep/home-writable.ts';
import { upEvent, type Part, type UpEvent, type UpHappening } from './events.ts';
import { lastLines, logFiles } from './files.ts';
import { aborted, keepRunning } from './keep-running.ts';
import { Restarts } from './restarts.ts';
import { startWorkerChild, type WorkerChild } from './worker-child.ts';

/** Where and how `up` runs. */
export interface UpOptions {
  readonly home: HomeView;
  /** Told of everything that happens, as it happens. */
  readonly onEvent: (event: UpEvent) => void;
  /** Called with one line of progress when getting the server's program takes long. */
  readonly onProgress: (line: string) => void;
  /** Ends it: the worker interrupts its turns, then the server is stopped. */
  readonly signal: AbortSignal;
  /** Ends it now: both are killed. */
  readonly now?: AbortSignal | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** With less free space on the disk of the home, in bytes, a part that has ended is not started again yet. */
const MIN_SPACE_BYTES = 50_000_000;
const SPACE_LOOK_MS = 2_000;
const HOME_LOOK_MS = 2_000;
/** Looks at the home between two tries to write to it. */
const LOOKS_PER_TRY = 5;

/** How long a server's start that is under way may take to come to its end when everything is to stop. */
const START_GRACE_MS = 5_000;

/**
 * Runs server and worker until `signal`, and starts either again when it dies.
 * @throws SubagentsError BAD_INPUT (a setting), PACKAGE_MISSING, HOME_BUSY (naming who has the home), and what `startEmbedded` throws; INTERNAL when a part dies again and
 * again, with the end of its log; HOME_GONE. Nothing is left running then.
 */
export async function runUp(options: UpOptions): Promise<void> {
  const { home } = options;
  // The worker would fail over it again and again.
  readSettings(options.env ?? process.env);
  requirePackages('a worker', WORKER_PACKAGES);
  const lock = await lockHome(home, 'up');
  try {
    await new Supervisor(options).run();
  } finally {
    try {
      removeUpFile(home.root, process.pid);
    } catch {
      // It names a process that is over. Why `up` ends is said, and not that its home cannot be written.
    }
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
      await Promise.all([this.#keepServer(signal), this.#keepWorker(signal), this.#watchHome(signal)]);
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

  /**
   * @throws SubagentsError HOME_GONE when the home, or the server's database, was removed or replaced, FILE_ACCESS when it can no longer
   * be written: nothing lasts from then on
   */
  async #watchHome(signal: AbortSignal): Promise<void> {
    const { root, paths } = this.#options.home;
    const home = inodeOf(root);
    let database: string | undefined;
    for (let looks = 1; ; looks++) {
      await delay(HOME_LOOK_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (inodeOf(root) !== home)
        throw new SubagentsError(
          'HOME_GONE',
          `the home ${root} was removed or replaced while \`up\` ran in it`,
          {
            remedy: 'what subagents committed is on their branches; `subagents up` starts anew in a new home',
          },
        );
      if (looks % LOOKS_PER_TRY === 0) requireWritable(root);
      const file = join(paths.temporal, DATABASE);
      const now = this.#server === undefined ? undefined : inodeOf(file);
      database ??= now;
      // A server that runs has one: where there is none at the first look, it was removed before that.
      if (this.#server !== undefined && (now === undefined || now !== database))
        throw new SubagentsError(
          'HOME_GONE',
          `the database ${file} was removed or replaced under its server`,
          {
            remedy:
              '`subagents up` goes on with what is there now; `subagents list` names the runs that it does not know',
          },
        );
    }
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
      waitForSpace: async (problem: Error | undefined) => await this.#waitForSpace(part, problem),
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

  async #waitForSpace(part: Part, problem: Error | undefined): Promise<boolean> {
    const { home, signal } = this.#options;
    const free = (): number => freeBytes(home.root);
    // A quota may leave no space where the disk has some.
    const isFull = problem instanceof SubagentsError && problem.code === 'DISK_FULL';
    if (!isFull && free() >= MIN_SPACE_BYTES) return false;
    this.#tell({
      ...{ event: 'no-space', part, freeBytes: free() },
      ...{ neededBytes: MIN_SPACE_BYTES, where: home.root },
    });
    do await delay(SPACE_LOOK_MS, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted && free() < MIN_SPACE_BYTES);
    return true;
  }

  async #startServer(again: boolean): Promise<EmbeddedServer> {
    const { home, onProgress } = this.#options;
    const before = this.#server;
    this.#startingServer = startEmbedded({
      dataDir: home.paths.temporal,
      logFile: logFiles(home).server,
      homeId: home.workerId,
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
    const worker = startWorkerChild({
      ...{ address, namespace, home: home.root, logFile: log, env: this.#env },
      onSilent: (silentMs) => this.#tell({ event: 'silent', part: 'worker', silentMs }),
    });
    this.#worker = worker;
    void worker.exited.then(() => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#writeUpFile();
    });
    try {
      const { workerId, slots } = await worker.ready;
      this.#writeUpFile();
      this.#tell({ event: 'worker-ready', workerId, slots, pid: worker.pid, again });
      return worker;
    } catch (error) {
      // One that takes too long to become ready still runs.
      await worker.stop();
      throw error;
    }
  }

  /** Worker first: it still needs the server to interrupt its turns. */
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
    const { address, namespace, uiUrl, identity } = this.#server;
    const workerPid = this.#worker?.pid;
    try {
      writeUpFile(this.#options.home.root, {
        ...ownIdentity(),
        address,
        namespace,
        uiUrl,
        server: identity,
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

/** Which file or folder is at `path`; undefined where none is. */
function inodeOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino}`;
}

const portOf = (url: string): number => Number(new URL(url).port);
