/** The embedded Temporal server: `temporal server start-dev` on loopback, its data in SQLite in the home. */
import { renameSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { execa } from 'execa';
import getPort, { clearLockedPorts, portNumbers } from 'get-port';
import { SubagentsError } from '../contract/errors.ts';
import { RETENTION_DAYS } from '../contract/limits.ts';
import { ensurePrivateDir, readIfThere } from '../system/files.ts';
import type { Env } from '../system/home-root.ts';
import { ensureTemporalBinary } from './binary.ts';
import { connectTemporal } from './connect.ts';
import { serverArguments } from './embedded-arguments.ts';
import {
  beginDatabase,
  endProcess,
  endStaleServer,
  finishDatabase,
  recordServer,
} from './embedded-process.ts';
import { processStartTime, signalProcess } from '../system/process.ts';
import { endWhenBroken } from './embedded-health.ts';
import { withoutTemporal } from './environment.ts';
import { ensureSearchAttributes } from './search-attributes.ts';

const NAMESPACE = 'default';
const LOOPBACK = '127.0.0.1';
const RETENTION_MS = RETENTION_DAYS * 24 * 60 * 60 * 1_000;
/** Starting takes 0.3 s; the first start on a slow disk longer. */
const READY_TIMEOUT_MS = 30_000;
/** A server closes its database within about 1 s of SIGTERM. */
const STOP_TIMEOUT_MS = 10_000;
/** Two starting at the same moment can pick the same free port. */
const PORT_TRIES = 4;
const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** How a server's process ended. */
export interface ServerExit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

/** A server that runs as a child of this process. */
export interface EmbeddedServer {
  /** `host:port` of the gRPC frontend. */
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string;
  readonly pid: number;
  /** Resolves when the server's process has ended, whoever ended it. */
  readonly exited: Promise<ServerExit>;
  /** Ends it: SIGTERM, and SIGKILL when it is still there after 10 s. Its data stays. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Folder of the database; one server at a time. Made when absent. */
  readonly dataDir: string;
  /** Where the server writes warnings; appended to, mode 0600. */
  readonly logFile: string;
  /** Called with one line of progress when getting the server's program takes long. */
  readonly onProgress: (line: string) => void;
  /** Ports to prefer; default 7233 and 1000 above it, else the next free ones. */
  readonly ports?: { readonly grpc?: number; readonly ui?: number } | undefined;
  /** Environment to look for the program in and to give it, without Temporal's own variables; default `process.env`. */
  readonly env?: Env | undefined;
}

/**
 * Starts a server on the data in `dataDir`, and resolves when it answers, keeps finished runs for 30 days and knows our
 * search attributes. A server that a killed process left behind on the same data is ended first. One that stops working
 * without ending is killed: see `embedded-health.ts`.
 * @throws SubagentsError TEMPORAL_MISSING, DISK_FULL, HOME_BUSY (the server of a living process has the data),
 * TEMPORAL_UNREACHABLE (it did not start; with the last lines of its log)
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { dataDir, logFile, onProgress, env = process.env } = options;
  ensurePrivateDir(dataDir);
  const binary = await ensureTemporalBinary({ onProgress, env });
  await endStaleServer(dataDir);
  rotate(logFile);
  for (let tries = 1; ; tries++) {
    const ports = await freePorts(options.ports);
    beginDatabase(dataDir);
    const server = launch(binary.path, { dataDir, logFile, env, ports });
    try {
      await becomeReady(server);
      finishDatabase(dataDir);
      void endWhenBroken(server, { end: () => server.kill() });
      return server;
    } catch (error) {
      await server.stop();
      const log = server.log();
      if (/can't (set|use default) .*port|address already in use/.test(log) && tries < PORT_TRIES) continue;
      throw notStarted(error, log, logFile);
    }
  }
}

interface LaunchedServer extends EmbeddedServer {
  kill(): void;
  /** What it has written since it was launched. */
  log(): string;
}

function launch(
  program: string,
  { dataDir, logFile, env, ports }: { dataDir: string; logFile: string; env: Env; ports: Ports },
): LaunchedServer {
  const logStart = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  // The shell makes every file private and is replaced: the pid is the server's. Its own process group, so that Ctrl-C
  // in the terminal reaches us alone. It runs in its folder, for a path may hold what the URI of a database may not.
  const child = execa(
    'sh',
    [
      ...['-c', 'umask 077; log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh'],
      ...[resolve(logFile), program, ...serverArguments({ ip: LOOPBACK, ...ports })],
    ],
    {
      cwd: dataDir,
      env: withoutTemporal(env),
      extendEnv: false,
      detached: true,
      stdio: 'ignore',
      reject: false,
    },
  );
  const { pid } = child;
  if (pid === undefined) throw new SubagentsError('INTERNAL', `cannot start ${program}`);
  recordServer(dataDir, pid);
  const startTime = processStartTime(pid);
  return {
    address: `${LOOPBACK}:${ports.grpc}`,
    namespace: NAMESPACE,
    uiUrl: `http://${LOOPBACK}:${ports.ui}`,
    pid,
    exited: child.then(({ exitCode, signal }) => ({ exitCode, signal })),
    stop: async () => {
      if (startTime !== undefined) await endProcess({ pid, startTime }, STOP_TIMEOUT_MS);
      await child;
    },
    kill: () => void (startTime !== undefined && signalProcess({ pid, startTime }, 'SIGKILL')),
    log: () =>
      Buffer.from(readIfThere(logFile) ?? '')
        .subarray(logStart)
        .toString(),
  };
}

/** @throws when it exits, or does not answer in time */
async function becomeReady(server: LaunchedServer): Promise<void> {
  const exit = server.exited.then((end) => {
    throw new Error(`it ended with ${end.signal ?? `exit code ${end.exitCode}`}`);
  });
  await Promise.race([listening(server), exit]);
  const { address, namespace } = server;
  const connection = await Promise.race([
    connectTemporal({ address, namespace, origin: 'the embedded server' }),
    exit,
  ]);
  try {
    await Promise.race([prepareNamespace(connection), exit]);
  } finally {
    await connection.close();
  }
}

// It names its address once it has it. Asking the port earlier, another process might be the one that answers.
async function listening(server: LaunchedServer): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!/^(Temporal )?Server:/m.test(server.log())) {
    if (Date.now() > deadline) throw new Error(`it was not ready within ${READY_TIMEOUT_MS / 1_000} s`);
    await delay(20);
  }
}

async function prepareNamespace(connection: Connection): Promise<void> {
  const { config } = await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
  // The server makes it with 24 h.
  if (tsToMs(config?.workflowExecutionRetentionTtl) !== RETENTION_MS)
    await connection.workflowService.updateNamespace({
      namespace: NAMESPACE,
      config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) },
    });
  await ensureSearchAttributes(connection, NAMESPACE);
}

interface Ports {
  readonly grpc: number;
  readonly ui: number;
}

async function freePorts(wanted: EmbeddedOptions['ports']): Promise<Ports> {
  // What was given out lately is kept back from others of this process, but not from who asks for it by name.
  if (wanted) clearLockedPorts();
  const from = (port: number) =>
    getPort({ host: LOOPBACK, port: portNumbers(port, Math.min(port + 200, 65_535)) });
  const grpc = await from(wanted?.grpc ?? 7233);
  // At the same distance: processes that start at the same moment do not meet there either.
  return { grpc, ui: await from(wanted?.ui ?? grpc + 1000) };
}

function rotate(logFile: string): void {
  ensurePrivateDir(dirname(logFile));
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_LOG_BYTES) renameSync(logFile, `${logFile}.1`);
}

function notStarted(error: unknown, log: string, logFile: string): SubagentsError {
  if (/no space left|disk is full|disk I\/O error/i.test(log))
    return new SubagentsError('DISK_FULL', 'no space left for the embedded Temporal server', {
      remedy: `free some space on the disk that holds ${dirname(logFile)}`,
      cause: error,
    });
  const reason = error instanceof Error ? error.message : String(error);
  const end = log.trim().split('\n').slice(-8).join('\n');
  return new SubagentsError(
    'TEMPORAL_UNREACHABLE',
    `the embedded Temporal server did not start: ${reason}${end === '' ? '' : `\n${end}`}`,
    { remedy: `see its log, ${logFile}`, cause: error },
  );
}
