/** A worker as a process of its own: the home's lock, its life, its end. */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { jsonLine } from '../contract/index.ts';
import { secretsIn } from '../environment/clean.ts';
import { lockHome } from '../home/lock.ts';
import { openHome } from '../home/home.ts';
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
  /** Called when it polls. */
  readonly onReady: (worker: RunningWorker) => void;
  /** Called with each line for people: a home that was copied, attempts found lost, what retention removed. */
  readonly onNotice?: (line: string) => void;
}

/**
 * Runs a worker until it is asked to stop (SIGTERM, SIGINT, or the end of the process that supervises it). A second
 * signal ends the process at once.
 *
 * @throws SubagentsError HOME_BUSY, TEMPORAL_UNREACHABLE, SEARCH_ATTRIBUTES, DISK_FULL, BAD_INPUT (a setting)
 */
export async function runWorker({ home: root, target, onReady, onNotice }: RunWorkerOptions): Promise<void> {
  const settings = readSettings();
  const home = await openHome(root);
  const lock = await lockHome(home, 'worker');
  // While this process is small.
  useSpawner();
  try {
    Runtime.install({
      logger: new DefaultLogger('WARN', log),
      shutdownSignals: [],
      telemetryOptions: {
        logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      },
    });
    for (const notice of home.notices) onNotice?.(notice);
    const worker = await startWorker(home, settings, target, onNotice);
    stopWhenAsked(worker);
    const { attempts, processes } = worker.recovery;
    if (attempts > 0)
      onNotice?.(
        `took ${attempts} interrupted activities up again; ended ${processes} processes they had left`,
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
  // The supervisor is gone, however it ended: a worker without one would run on unseen.
  process.on('disconnect', () => asked || stop());
}

/** What a log may say: `text` without the secrets of this process. */
export function redacted(text: string): string {
  redactor ??= new Redactor(secretsIn(process.env));
  return redactor.text(text);
}
let redactor: Redactor | undefined;

/** One line of JSON for each entry, on stderr. */
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
  // Workers for activities alone are by design.
  if (message.startsWith('No workflows registered')) return;
  const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  const line = jsonLine({ at, level, message, ...meta }, (_, value: unknown) =>
    value instanceof Error ? value.stack : value,
  );
  process.stderr.write(`${redacted(line)}\n`);
}
