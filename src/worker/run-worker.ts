/** Runs a worker as a process: takes the home's lock, starts the worker, stops on signals. */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { jsonLine } from '../contract/index.ts';
import { secretsIn } from '../environment/clean.ts';
import { lockHome } from '../home/lock.ts';
import { openHome } from '../home/home.ts';
import { recordPools } from '../home/pools.ts';
import { Redactor } from '../environment/redact.ts';
import { readSettings } from '../home/settings.ts';
import { useSpawner } from '../system/spawner.ts';
import type { TemporalTarget } from '../temporal/target.ts';
import { startWorker, type RunningWorker } from './worker.ts';

/** How a worker process is run. */
export interface RunWorkerOptions {
  /** The home folder; default `SUBAGENTS_HOME`, else `~/.subagents`. */
  readonly home?: string;
  readonly target: TemporalTarget;
  /** The pools that it joins. */
  readonly pools: readonly string[];
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
  const { onNotice } = options;
  const settings = readSettings();
  const home = await openHome(root);
  const lock = await lockHome(home, 'worker');
  // Now, while this process is still small.
  useSpawner();
  try {
    recordPools(home, options.pools);
    Runtime.install({
      logger: new DefaultLogger('WARN', log),
      shutdownSignals: [],
      telemetryOptions: {
        logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      },
    });
    for (const notice of home.notices) onNotice?.(notice);
    const worker = await startWorker(home, settings, options);
    stopWhenAsked(worker);
    const { attempts, processes } = worker.recovery;
    if (attempts > 0)
      onNotice?.(
        `resumed ${attempts} interrupted activities; killed ${processes} processes that they had left`,
      );
    await Promise.race([worker.polling, worker.done]);
    onReady(worker);
    await worker.done;
  } finally {
    lock.release();
  }
}

function stopWhenAsked(worker: RunningWorker): void {
  let asked = false;
  const stop = (): void => {
    if (asked) process.exit(130);
    asked = true;
    worker.stop();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The supervisor is gone: without it, the worker would run on unnoticed.
  process.on('disconnect', () => asked || stop());
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
}
