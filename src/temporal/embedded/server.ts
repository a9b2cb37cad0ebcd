/** The embedded Temporal server: `temporal server start-dev` on loopback, its data in SQLite in the home. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { execa } from 'execa';
import { SubagentsError } from '../../contract/errors.ts';
import { RETENTION_DAYS } from '../../contract/limits.ts';
import { boundLog } from '../../system/bounded-log.ts';
import { ensurePrivateDir, readIfThere } from '../../system/files.ts';
import type { Env } from '../../system/home-root.ts';
import { ensureTemporalBinary } from '../binary.ts';
import { connectTemporal } from '../connect.ts';
import { databaseFailure, LOCKED_EXIT_CODE, LOCK_FILE, databaseInUseError } from './database.ts';
import { serverArguments } from './arguments.ts';
import {
  markDatabaseUnfinished,
  endProcess,
  endStaleServer,
  markDatabaseFinished,
  recordServer,
} from './process.ts';
import { processStartTime, signalProcess } from '../../system/process.ts';
import { endWhenBroken } from './health.ts';
import { choosePorts, storePorts, LOOPBACK, type EmbeddedPorts } from './ports.ts';
import { withoutTemporal } from '../environment.ts';
import { ensureSearchAttributes } from '../search-attributes.ts';
import { identityOf, storeHomeId, type ServerIdentity } from '../server-identity.ts';
import type { UiEncryption } from '../ui/access.ts';
import { openUiGate, type UiGate } from '../ui/gate.ts';

const NAMESPACE = 'default';
const RETENTION_MS = RETENTION_DAYS * 24 * 60 * 60 * 1_000;
/** Starting takes 0.3 s; the first start on a slow disk takes longer. */
const READY_TIMEOUT_MS = 30_000;
/** A server closes its database within about 1 s of SIGTERM. */
const STOP_TIMEOUT_MS = 10_000;
/** Two servers that start at the same moment can choose the same free port. */
const PORT_TRIES = 4;

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
  readonly identity: ServerIdentity;
  /** Resolves when the server's process has ended, for any reason. */
  readonly exited: Promise<ServerExit>;
  /** Ends the server: SIGTERM, then SIGKILL after 10 s. Its data stays. */
  stop(): Promise<void>;
}

/** How to start an embedded server. */
export interface EmbeddedOptions {
  /** Folder of the database, for one server at a time. Created if missing. */
  readonly dataDir: string;
  /** The log file for warnings; appended to, mode 0600. */
  readonly logFile: string;
  /** Called with one line of progress when getting the server's program takes long. */
  readonly onProgress: (line: string) => void;
  /**
   * Preferred ports; default those of its first start (7233 and 1000 above it for `~/.subagents`), else the next free
   * ones.
   */
  readonly ports?: { readonly grpc?: number; readonly ui?: number } | undefined;
  /** Id of the home that the server belongs to; stored in the server for everyone who connects. */
  readonly homeId?: string | undefined;
  /** Where messages are encrypted: what the gate of the Web UI decrypts them with, and for whom. */
  readonly uiEncryption?: Omit<UiEncryption, 'namespace'> | undefined;
  /**
   * Environment to search for the program and to pass to it, without Temporal's own variables; default `process.env`.
   */
  readonly env?: Env | undefined;
}

/**
 * Starts a server on the data in `dataDir`. Resolves when it answers, keeps finished runs for 30 days and has our
 * search attributes. A server that a killed process left behind on the same data is ended first. A server that stops
 * working without ending is killed: see `embedded-health.ts`.
 * @throws SubagentsError TEMPORAL_MISSING, DISK_FULL, HOME_BUSY (the server of a living process has the data),
 * TEMPORAL_UNREACHABLE (it did not start; with the last lines of its log)
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { dataDir, logFile, onProgress, env = process.env } = options;
  ensurePrivateDir(dataDir);
  const binary = await ensureTemporalBinary({ onProgress, env });
  await endStaleServer(dataDir);
  ensurePrivateDir(dirname(logFile));
  boundLog(logFile);
  for (let tries = 1; ; tries++) {
    const ports = await choosePorts(dataDir, options.ports);
    const gate = await openGate(ports, options.uiEncryption);
    if (gate === undefined) {
      if (tries < PORT_TRIES) continue;
      throw new SubagentsError('TEMPORAL_UNREACHABLE', 'other processes occupy the ports of the Web UI', {
        remedy: 'try again',
      });
    }
    markDatabaseUnfinished(dataDir);
    const server = launch(binary.path, { dataDir, logFile, env, ports, gate });
    try {
      const identity = await becomeReady(server, options.homeId);
      markDatabaseFinished(dataDir);
      storePorts(dataDir, ports);
      void endWhenBroken(server, { end: () => server.kill() });
      return { ...server, identity };
    } catch (error) {
      await server.stop();
      const log = server.log();
      if (/can't (set|use default) .*port|address already in use/.test(log) && tries < PORT_TRIES) continue;
      if ((await server.exited).exitCode === LOCKED_EXIT_CODE) throw databaseInUseError(dataDir);
      throw notStarted(error, log, logFile, dataDir);
    }
  }
}

/** Undefined if another process has taken the port meanwhile. */
async function openGate(
  { ui, hiddenUi }: EmbeddedPorts,
  encryption: EmbeddedOptions['uiEncryption'],
): Promise<UiGate | undefined> {
  try {
    return await openUiGate({
      ip: LOOPBACK,
      port: ui,
      upstream: hiddenUi,
      encryption: encryption && { ...encryption, namespace: NAMESPACE },
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

/**
 * A shell script that ends by executing the server. The server holds the lock of its database while it lives, through
 * an inherited open file, so that no second server starts on the same data even where pids are not comparable, as
 * between containers.
 */
const LAUNCH = `umask 077
exec 3>>"$1"
if command -v flock >/dev/null; then flock -n 3; [ $? -ne 1 ] || exit "$2"; fi
log=$3; shift 3; exec "$@" >>"$log" 2>&1`;

interface LaunchedServer extends Omit<EmbeddedServer, 'identity'> {
  kill(): void;
  /** What the server has logged since it was launched. */
  log(): string;
}

interface LaunchOptions {
  readonly dataDir: string;
  readonly logFile: string;
  readonly env: Env;
  readonly ports: EmbeddedPorts;
  /** The gate of its Web UI, closed when the server has ended. */
  readonly gate: UiGate;
}

function launch(program: string, { dataDir, logFile, env, ports, gate }: LaunchOptions): LaunchedServer {
  const logStart = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  // The shell makes all files private and is replaced, so the pid is the server's. The server has its own process
  // group, so that Ctrl-C in the terminal reaches only this process. It runs in its data folder, because an absolute
  // path may contain characters that a database URI may not.
  const child = execa(
    'sh',
    [
      ...['-c', LAUNCH, 'sh', LOCK_FILE, String(LOCKED_EXIT_CODE)],
      ...[resolve(logFile), program, ...serverArguments(ports)],
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
  try {
    recordServer(dataDir, pid);
  } catch (cause) {
    // A server without a record could not be found again, so it must not run.
    child.kill('SIGKILL');
    throw cause;
  }
  const startTime = processStartTime(pid);
  const exited = child.then(async ({ exitCode, signal }) => {
    await gate.close();
    return { exitCode, signal };
  });
  return {
    address: `${LOOPBACK}:${ports.grpc}`,
    namespace: NAMESPACE,
    uiUrl: gate.url,
    pid,
    exited,
    stop: async () => {
      if (startTime !== undefined) await endProcess({ pid, startTime }, STOP_TIMEOUT_MS);
      await exited;
    },
    kill: () => {
      if (startTime !== undefined) signalProcess({ pid, startTime }, 'SIGKILL');
    },
    log: () => {
      const log = Buffer.from(readIfThere(logFile) ?? '');
      // Shorter than at its start: it was emptied meanwhile.
      return log.subarray(log.length < logStart ? 0 : logStart).toString();
    },
  };
}

/** @throws if the server exits, or does not answer in time */
async function becomeReady(server: LaunchedServer, homeId: string | undefined): Promise<ServerIdentity> {
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
    return await Promise.race([prepareNamespace(connection, homeId), exit]);
  } finally {
    await connection.close();
  }
}

// The log shows the address once the server has it. Connecting to the port earlier might reach another process.
async function listening(server: LaunchedServer): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!/^(Temporal )?Server:/m.test(server.log())) {
    if (Date.now() > deadline) throw new Error(`it was not ready within ${READY_TIMEOUT_MS / 1_000} s`);
    await delay(20);
  }
}

async function prepareNamespace(connection: Connection, homeId: string | undefined): Promise<ServerIdentity> {
  const described = await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
  const { config } = described;
  // The server creates the namespace with 24 h.
  if (tsToMs(config?.workflowExecutionRetentionTtl) !== RETENTION_MS)
    await connection.workflowService.updateNamespace({
      namespace: NAMESPACE,
      config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) },
    });
  await ensureSearchAttributes(connection, NAMESPACE);
  const identity = identityOf(described);
  if (homeId === undefined || homeId === identity.homeId) return identity;
  await storeHomeId(connection, NAMESPACE, homeId);
  return { ...identity, homeId };
}

function notStarted(error: unknown, log: string, logFile: string, dataDir: string): SubagentsError {
  const ofDatabase = databaseFailure(log, dataDir, error);
  if (ofDatabase !== undefined) return ofDatabase;
  if (/no space left|disk is full|disk I\/O error/i.test(log))
    return new SubagentsError('DISK_FULL', 'no disk space left for the embedded Temporal server', {
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
