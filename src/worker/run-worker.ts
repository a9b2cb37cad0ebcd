/** Runs a worker as a process: takes the home's lock, starts the worker, stops on signals. */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { jsonLine } from '../contract/index.ts';
import { secretsIn } from '../environment/clean.ts';
import { appendLog, boundLogs, openLog } from '../system/bounded-log.ts';
import { lockHome } from '../home/lock.ts';
import { openHome } from '../home/home.ts';
import { recordPools } from '../home/pools.ts';
import { Redactor } from '../environment/redact.ts';
import { readSettings } from '../home/settings.ts';
import { useSpawner } from '../system/spawner.ts';
import type { TemporalTarget } from '../temporal/target.ts';
import { SignOfLife } from './upkeep/sign-of-life.ts';
import { startWorker, type RunningWorker } from './worker.ts';

/** How a worker process is run. */
export interface RunWorkerOptions {
  /** The home folder; default `SUBAGENTS_HOME`, else `~/.subagents`. */
  readonly home?: string;
  readonly target: TemporalTarget;
  /** The pools that it joins. */
  readonly pools: readonly string[];
  /** The file to which it logs, besides stderr; default: none. */
  readonly logFile?: string | undefined;
  /** The file that stderr is, where it is one. */
  readonly stderrFile?: string | undefined;
  /** Ends it after this many milliseconds in which nobody has needed it; default: never. */
  readonly exitWhenIdleMs?: number | undefined;
  /** Called when the worker polls. */
  readonly onReady: (worker: RunningWorker) => void;
  /** Called with each notice for people: a copied home, interrupted attempts, what retention removed. */
  readonly onNotice?: (line: string) => void;
}

/**
 * Runs a worker until it is asked to stop (SIGTERM, SIGINT, or the end of the process that supervises it). A second
 * signal ends the process at once.
 *
 * @throws SubagentsError HOME_BUSY, TEMPORAL_UNREACHABLE, SEARCH_ATTRIBUTES, DISK_FULL, BAD_INPUT (a setting)
 */
export async function runWorker({ home: root, onReady, ...options }: RunWorkerOptions): Promise<void> {
  const { logFile, stderrFile } = options;
  const settings = readSettings();
  const home = await openHome(root);
  const lock = await lockHome(home, 'worker');
  // Now, while this process is still small.
  useSpawner();
  let life: SignOfLife | undefined;
  let logs: { stop(): void } | undefined;
  try {
    if (logFile !== undefined) {
      fileLog = openLog(logFile).fd;
      logs = boundLogs([logFile]);
    }
    life = new SignOfLife(home.root, { workerId: home.workerId, log: logFile ?? stderrFile });
    const alive = life;
    const onNotice = (line: string): void => {
      logToFile('INFO', line);
      options.onNotice?.(line);
    };
    recordPools(home, options.pools);
    Runtime.install({
      logger: new DefaultLogger('WARN', log),
      shutdownSignals: [],
      telemetryOptions: {
        logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      },
    });
    for (const notice of home.notices) onNotice(notice);
    const worker = await startWorker(home, settings, {
      ...options,
      onNotice,
      onServerAnswer: () => alive.serverAnswered(),
      onDraining: () => {
        onNotice('nobody has needed this worker: it takes nothing new, and ends');
        alive.enter('draining');
      },
    });
    stopWhenAsked(worker, (signal) => {
      logToFile('INFO', `stops: ${signal}`);
      alive.enter('stopping');
    });
    const { attempts, processes } = worker.recovery;
    if (attempts > 0)
      onNotice(
        `resumed ${attempts} interrupted activities; killed ${processes} processes that they had left`,
      );
    await Promise.race([worker.polling, worker.done]);
    alive.enter('running');
    logToFile('INFO', `worker ${worker.workerId} runs, ${worker.slots} slots`);
    onReady(worker);
    await worker.done;
    logToFile('INFO', 'the worker has ended');
  } catch (error) {
    logToFile('ERROR', error instanceof Error ? (error.stack ?? error.message) : String(error));
    throw error;
  } finally {
    logs?.stop();
    life?.end();
    lock.release();
  }
}

function stopWhenAsked(worker: RunningWorker, onAsked: (by: string) => void): void {
  let asked = false;
  const stop = (by: string): void => {
    if (asked) process.exit(130);
    asked = true;
    onAsked(by);
    worker.stop();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The supervisor is gone: without it, the worker would run on unnoticed.
  process.on('disconnect', () => asked || stop('its supervisor is gone'));
}

/** `text` without the secrets of this process, for logs. */
export function redacted(text: string): string {
  redactor ??= new Redactor(secretsIn(process.env));
  return redactor.text(text);
}
let redactor: Redactor | undefined;

/** Writes each log entry as one line of JSON to stderr. */
function log({
  level,
  message,
  timestampNanos,
  meta,
}: {
  level: string;
  message: string;
  timestampNanos: bigint;
  meta?: object;
}): void {
  // Workers without workflows are intended.
  if (message.startsWith('No workflows registered')) return;
  const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  const line = jsonLine({ at, level, message, ...meta }, (_, value: unknown) =>
    value instanceof Error ? value.stack : value,
  );
  process.stderr.write(`${redacted(line)}\n`);
  if (fileLog !== undefined) appendLog(fileLog, `${redacted(line)}\n`);
}

/** The open log file besides stderr. */
let fileLog: number | undefined;

/** Writes an entry to the log file alone: people at the terminal are told otherwise. */
function logToFile(level: 'INFO' | 'ERROR', message: string): void {
  if (fileLog === undefined) return;
  const line = jsonLine({ at: new Date().toISOString(), level, message });
  appendLog(fileLog, `${redacted(line)}\n`);
}
