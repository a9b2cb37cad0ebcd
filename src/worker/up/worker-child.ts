/** The worker as a child process of `up`. */
import { fork } from 'node:child_process';
import { closeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SubagentsError } from '../../contract/errors.ts';
import { DEFAULT_POOL } from '../../contract/protocol/names.ts';
import { processStartTime, signalProcess, type ProcessIdentity } from '../../system/process.ts';
import type { ServerExit } from '../../temporal/embedded/server.ts';
import { withoutTemporal } from '../../temporal/environment.ts';
import { appendLog, openLog } from '../../system/bounded-log.ts';
import { lastLines } from './files.ts';
import { watchHeartbeat } from './heartbeat.ts';
import { compiledFile } from '../../system/compiled-file.ts';

/** Starting takes about a second, plus some time to sweep what an earlier worker left behind. */
const READY_TIMEOUT_MS = 60_000;
/** A worker interrupts its turns within a few seconds of SIGTERM. */
const STOP_TIMEOUT_MS = 20_000;

/** Milliseconds that a running worker may leave a ping unanswered. */
const SILENT_MS = 30_000;

/** The line by which the worker reports that it polls. */
const readyLine = z.object({ event: z.literal('ready'), workerId: z.string(), slots: z.number().int() });

/** A worker process. */
export interface WorkerChild extends ProcessIdentity {
  /**
   * Resolves when the worker polls. @throws SubagentsError INTERNAL if it ends before, or takes too long; with the end
   * of its log
   */
  readonly ready: Promise<{ readonly workerId: string; readonly slots: number }>;
  /** Resolves when its process has ended, for any reason. */
  readonly exited: Promise<ServerExit>;
  /** Lets the worker interrupt its turns: SIGTERM, then SIGKILL after 20 s. */
  stop(): Promise<void>;
}

/** How a worker is started. */
export interface WorkerChildOptions {
  /** `host:port` of the server. */
  readonly address: string;
  readonly namespace: string;
  /** The home folder. */
  readonly home: string;
  /** The log file; appended to, mode 0600. */
  readonly logFile: string;
  readonly env: NodeJS.ProcessEnv;
  /** Called when a ready worker has not answered for 30 s; it is then killed, to be replaced. */
  readonly onSilent?: (silentMs: number) => void;
}

/**
 * Starts a worker. It has an IPC channel to this process and stops when that closes. It has a process group of its own,
 * so that Ctrl-C in the terminal reaches only this process.
 */
export function startWorkerChild(options: WorkerChildOptions): WorkerChild {
  const { address, namespace, home, logFile, env } = options;
  const main = compiledFile('worker/main.bundle.js');
  const { fd: log, start: logStart } = openLog(logFile);
  // Whoever reaches this server, which listens on loopback alone, is its user.
  const where = ['--address', address, '--namespace', namespace, '--log-file', logFile];
  const child = fork(main, [...where, '--pool', DEFAULT_POOL], {
    env: { ...withoutTemporal(env), SUBAGENTS_HOME: home },
    execArgv: [],
    detached: true,
    stdio: ['ignore', 'pipe', log, 'ipc'],
  });
  const { pid, stdout } = child;
  const startTime = pid === undefined ? undefined : processStartTime(pid);
  if (pid === undefined || startTime === undefined || stdout === null) {
    closeSync(log);
    throw new SubagentsError('INTERNAL', `cannot start a worker process with ${process.execPath}`);
  }
  const exited = new Promise<ServerExit>((resolve) => {
    // `close`, not `exit`: its last output has arrived by then.
    child.on('close', (exitCode, signal) =>
      resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined }),
    );
  });
  void exited.then(() => closeSync(log));
  const readyInTime = readyOf(stdout, log);
  const ready = Promise.race([
    readyInTime,
    exited.then((exit) => {
      throw notReady(`ended with ${exit.signal ?? `exit code ${exit.exitCode}`}`, logFile, logStart);
    }),
    delay(READY_TIMEOUT_MS, undefined, { ref: false }).then(() => {
      throw notReady(`did not poll within ${READY_TIMEOUT_MS / 1_000} s`, logFile, logStart);
    }),
  ]);
  // Callers that wait for `ready` get the rejection; after a stop there may be none.
  ready.catch(() => undefined);
  let isStopping = false;
  let endWatch: (() => void) | undefined;
  const giveUp = (): void => {
    options.onSilent?.(SILENT_MS);
    signalProcess({ pid, startTime }, 'SIGKILL');
  };
  void readyInTime.then(() => {
    if (!isStopping) endWatch = watchHeartbeat(child, { silentMs: SILENT_MS, onSilent: giveUp });
  });
  void exited.then(() => endWatch?.());
  return {
    pid,
    startTime,
    ready,
    exited,
    stop: async () => {
      isStopping = true;
      endWatch?.();
      const identity = { pid, startTime };
      signalProcess(identity, 'SIGTERM');
      const killer = setTimeout(() => signalProcess(identity, 'SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(killer);
    },
  };
}

/** Resolves with the line that reports the worker as ready; every other line goes to its log. */
async function readyOf(
  stdout: NodeJS.ReadableStream,
  log: number,
): Promise<{ workerId: string; slots: number }> {
  return await new Promise((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      const ready = readyLine.safeParse(parseJson(line));
      if (ready.success) resolve(ready.data);
      else appendLog(log, `${line}\n`);
    });
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function notReady(why: string, logFile: string, logStart: number): SubagentsError {
  return new SubagentsError('INTERNAL', [`the worker ${why}`, ...lastLines(logFile, logStart)].join('\n'), {
    remedy: `see its log, ${logFile}`,
  });
}
