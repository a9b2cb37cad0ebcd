/**
 * `up`: an embedded Temporal server and a worker as children of this process, kept running until it is told to stop.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SubagentsError } from '../../contract/errors.ts';
import type { HomeView } from '../../home/home.ts';
import { lockHome } from '../../home/lock.ts';
import { readSettings } from '../../home/settings.ts';
import { boundLogs } from '../../system/bounded-log.ts';
import { freeBytes } from '../../system/disk.ts';
import { requirePackages, WORKER_PACKAGES } from '../../system/optional-packages.ts';
import { ownIdentity, processStartTime, signalProcess } from '../../system/process.ts';
import { startEmbedded, type EmbeddedServer } from '../../temporal/embedded/server.ts';
import { DATABASE } from '../../temporal/embedded/arguments.ts';
import { keysOfOwnServer, makeKeysOfFreshHome, requireRing } from '../../temporal/server-keys.ts';
import { UiAccess } from '../../temporal/ui/access.ts';
import { removeUpFile, writeUpFile } from '../../temporal/up-file.ts';
import { requireWritable } from '../../home/home-writable.ts';
import { upEvent, type UpPart, type UpEvent, type UpEventBody } from './events.ts';
import { lastLines, logFiles } from './files.ts';
import { aborted, superviseProcess } from './supervise-process.ts';
import { Restarts } from './restarts.ts';
import { startWorkerChild, type WorkerChild } from './worker-child.ts';

/** Where and how `up` runs. */
export interface UpOptions {
  readonly home: HomeView;
  /** Called for each event. */
  readonly onEvent: (event: UpEvent) => void;
  /** Called with one line of progress when getting the server's program takes long. */
  readonly onProgress: (line: string) => void;
  /** Ends `up`: the worker interrupts its turns, then the server is stopped. */
  readonly signal: AbortSignal;
  /** Ends `up` immediately: both are killed. */
  readonly now?: AbortSignal | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/** Free bytes on the home's disk below which an ended part is not restarted yet. */
const MIN_SPACE_BYTES = 50_000_000;
const SPACE_CHECK_MS = 2_000;
const HOME_CHECK_MS = 2_000;
/** Checks of the home between two attempts to write to it. */
const CHECKS_PER_WRITE = 5;

/** Milliseconds that a server's pending start gets to finish when everything stops. */
const START_GRACE_MS = 5_000;

/**
 * Runs server and worker until `signal` is aborted, and restarts either when it dies.
 * @throws SubagentsError BAD_INPUT (a setting), PACKAGE_MISSING, HOME_BUSY (naming its holder), errors of
 * `startEmbedded`, INTERNAL when a part dies again and again (with the end of its log), HOME_GONE, FILE_ACCESS. Nothing
 * is left running then.
 */
export async function runUp(options: UpOptions): Promise<void> {
  const { home } = options;
  // Checked here, because the worker would fail on invalid settings at every start.
  readSettings(options.env ?? process.env);
  requirePackages('a worker', WORKER_PACKAGES);
  const lock = await lockHome(home, 'up');
  try {
    await new Supervisor(options).run();
  } finally {
    try {
      removeUpFile(home.root, process.pid);
    } catch {
      // The record names an ended process, which is harmless. The original error is more important than this one.
    }
    lock.release();
  }
}

class Supervisor {
  readonly #options: UpOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #startedAt = new Date().toISOString();
  readonly #serverReady = new AbortController();
  readonly #uiAccess: UiAccess;
  #startingServer: Promise<EmbeddedServer> | undefined;
  #server: EmbeddedServer | undefined;
  #worker: WorkerChild | undefined;

  constructor(options: UpOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#uiAccess = new UiAccess(options.home.root);
  }

  async run(): Promise<void> {
    const { signal: stop, now } = this.#options;
    const givenUp = new AbortController();
    const signal = AbortSignal.any([stop, givenUp.signal]);
    now?.addEventListener('abort', () => this.#killAll());
    const logs = boundLogs(Object.values(logFiles(this.#options.home)));
    try {
      await Promise.all([this.#keepServer(signal), this.#keepWorker(signal), this.#watchHome(signal)]);
    } finally {
      givenUp.abort();
      logs.stop();
      await this.#stopAll();
    }
  }

  async #keepServer(signal: AbortSignal): Promise<void> {
    await superviseProcess({
      signal,
      // `startEmbedded` makes several attempts of its own, and explains its failure.
      restarts: new Restarts({ failedStarts: 1 }),
      start: async (again) => await this.#startServer(again),
      ...this.#deathsOf('server'),
    });
  }

  async #keepWorker(signal: AbortSignal): Promise<void> {
    await Promise.race([aborted(this.#serverReady.signal), aborted(signal)]);
    await superviseProcess({
      signal,
      restarts: new Restarts({ failedStarts: 3 }),
      start: async (again) => await this.#startWorker(again),
      ...this.#deathsOf('worker'),
    });
  }

  /**
   * Checks the home regularly.
   * @throws SubagentsError HOME_GONE when the home or the server's database was removed or replaced, FILE_ACCESS when
   * the home is no longer writable: nothing would be saved any more
   */
  async #watchHome(signal: AbortSignal): Promise<void> {
    const { root, paths } = this.#options.home;
    const home = inodeOf(root);
    let database: string | undefined;
    for (let looks = 1; ; looks++) {
      await delay(HOME_CHECK_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (inodeOf(root) !== home)
        throw new SubagentsError(
          'HOME_GONE',
          `the home ${root} was removed or replaced while \`up\` ran in it`,
          {
            remedy:
              'the commits of subagents are on their branches; `subagents up` starts again with a new home',
          },
        );
      if (looks % CHECKS_PER_WRITE === 0) requireWritable(root);
      const file = join(paths.temporal, DATABASE);
      const now = this.#server === undefined ? undefined : inodeOf(file);
      database ??= now;
      // A running server has a database: if there is none at the first check, it was removed before.
      if (this.#server !== undefined && (now === undefined || now !== database))
        throw new SubagentsError(
          'HOME_GONE',
          `the database ${file} was removed or replaced under its server`,
          {
            remedy:
              '`subagents up` continues with the current files; `subagents list` shows the runs that the new database does not have',
          },
        );
    }
  }

  #deathsOf(part: UpPart) {
    return {
      onDeath: (
        exit: { exitCode?: number | undefined; signal?: string | undefined } | undefined,
        restartInMs: number,
      ) =>
        this.#emit({
          event: 'died',
          part,
          exitCode: exit?.exitCode ?? null,
          signal: exit?.signal ?? null,
          restartInMs,
        }),
      waitForSpace: async (problem: Error | undefined) => await this.#waitForSpace(part, problem),
      gaveUpError: () => {
        const log = logFiles(this.#options.home)[part];
        return new SubagentsError('INTERNAL', [`the ${part} keeps dying`, ...lastLines(log)].join('\n'), {
          remedy: `see its log, ${log}`,
        });
      },
    };
  }

  async #waitForSpace(part: UpPart, problem: Error | undefined): Promise<boolean> {
    const { home, signal } = this.#options;
    const free = (): number => freeBytes(home.root);
    // A quota may be exhausted although the disk has space.
    const isFull = problem instanceof SubagentsError && problem.code === 'DISK_FULL';
    if (!isFull && free() >= MIN_SPACE_BYTES) return false;
    this.#emit({
      event: 'no-space',
      part,
      freeBytes: free(),
      neededBytes: MIN_SPACE_BYTES,
      where: home.root,
    });
    do await delay(SPACE_CHECK_MS, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted && free() < MIN_SPACE_BYTES);
    return true;
  }

  async #startServer(again: boolean): Promise<EmbeddedServer> {
    const { home, onProgress } = this.#options;
    const before = this.#server;
    makeKeysOfFreshHome(home.root, this.#env, home.paths.temporal);
    const keys = await keysOfOwnServer(home.root, this.#env);
    this.#startingServer = startEmbedded({
      dataDir: home.paths.temporal,
      logFile: logFiles(home).server,
      homeId: home.workerId,
      onProgress,
      // The same ports again, so that the worker and all others find the server without notice.
      ports: before && { grpc: portOf(`tcp://${before.address}`), ui: portOf(before.uiUrl) },
      uiEncryption: keys && { keys, access: this.#uiAccess },
      env: this.#env,
    });
    const server = await this.#startingServer;
    this.#server = server;
    // Checked here, because a worker without the right keys would fail at every start.
    requireRing(server.identity, keys);
    const { address, namespace, uiUrl, pid } = server;
    // Its ports were taken meanwhile: restart the worker with the new address.
    if (before !== undefined && before.address !== address) void this.#worker?.stop();
    this.#writeUpFile();
    this.#emit({ event: 'server-ready', address, namespace, uiUrl, pid, again });
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
      address,
      namespace,
      home: home.root,
      logFile: log,
      env: this.#env,
      onSilent: (silentMs) => this.#emit({ event: 'silent', part: 'worker', silentMs }),
    });
    this.#worker = worker;
    void worker.exited.then(() => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#writeUpFile();
    });
    try {
      const { workerId, slots } = await worker.ready;
      this.#writeUpFile();
      this.#emit({ event: 'worker-ready', workerId, slots, pid: worker.pid, again });
      return worker;
    } catch (error) {
      // A worker that takes too long to become ready is still running.
      await worker.stop();
      throw error;
    }
  }

  /** Stops the worker first, because it needs the server to interrupt its turns. */
  async #stopAll(): Promise<void> {
    if (this.#worker !== undefined) {
      this.#emit({ event: 'stopping', part: 'worker' });
      await this.#worker.stop();
    }
    // A download or build in progress is not waited for.
    await Promise.race([
      this.#startingServer?.then((server) => (this.#server = server)).catch(() => undefined),
      delay(START_GRACE_MS, undefined, { ref: false }),
    ]);
    if (this.#server !== undefined) {
      this.#emit({ event: 'stopping', part: 'server' });
      await this.#server.stop();
    }
    this.#emit({ event: 'stopped' });
  }

  #killAll(): void {
    if (this.#worker !== undefined) signalProcess(this.#worker, 'SIGKILL');
    const startTime = this.#server && processStartTime(this.#server.pid);
    if (this.#server !== undefined && startTime !== undefined) {
      signalProcess({ pid: this.#server.pid, startTime }, 'SIGKILL');
    }
  }

  /** Records what runs for other commands. `up` goes on even if that fails. */
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
      this.#emit({ event: 'unwritten', problem: (error as Error).message });
    }
  }

  #emit(happening: UpEventBody): void {
    this.#options.onEvent(upEvent(happening));
  }
}

/** Device and inode of the file or folder at `path`; undefined if there is none. */
function inodeOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.dev} ${stat.ino}`;
}

const portOf = (url: string): number => Number(new URL(url).port);
