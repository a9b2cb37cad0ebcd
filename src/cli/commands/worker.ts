import { resolve } from 'node:path';
import { readHome, workerLog } from '../../home/home.ts';
import { userName } from '../../home/machine.ts';
import { homeRoot } from '../../system/home-root.ts';
import { requirePackages, WORKER_PACKAGES } from '../../system/optional-packages.ts';
import { resolveTemporalTarget } from '../../temporal/target.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { poolsText, printModelAccess } from '../render/facts.ts';
import { durationText } from '../render/time.ts';

/** Flags of `worker`. */
export interface WorkerFlags {
  readonly pool?: readonly string[] | undefined;
  readonly logFile?: string | undefined;
  /** Milliseconds. */
  readonly exitWhenIdle?: number | undefined;
}

/** `subagents worker`: runs a worker for an existing Temporal server in this process. */
export async function workerCommand(context: Context, flags: WorkerFlags): Promise<number> {
  requirePackages('a worker', WORKER_PACKAGES);
  const { runWorker } = await import('../../worker/run-worker.ts');
  const { output, options, env } = context;
  const { profile, address, namespace } = options;
  const { pool: pools = [], exitWhenIdle } = flags;
  const home = homeRoot(options.home, env);
  const { paths } = await readHome(home, env);
  const log = flags.logFile === undefined ? workerLog(paths) : resolve(flags.logFile);
  const target = await resolveTemporalTarget({ home, profile, address, namespace, env });
  await runWorker({
    home,
    target,
    pools,
    logFile: log,
    exitWhenIdleMs: exitWhenIdle,
    onReady: ({ workerId, slots }) => {
      const message = `worker ${workerId} ready, ${slots} slots`;
      output.data({
        event: 'worker-ready',
        at: new Date().toISOString(),
        message,
        workerId,
        slots,
        pools,
        log,
      });
      output.fact('Temporal', `${target.address}, namespace ${target.namespace} (${target.origin})`);
      output.fact('worker', `${workerId}, ${slots} slots`);
      output.fact('home', home);
      output.fact('log', log);
      output.fact('pools', poolsText(pools, userName()));
      if (exitWhenIdle !== undefined)
        output.fact('ends', `after ${durationText(exitWhenIdle)} in which nobody has needed it`);
      void printModelAccess(context).then(() =>
        output.line('\nCtrl-C stops it; its subagents continue when it is back.'),
      );
    },
    onNotice: (line) => output.note(line),
  });
  return EXIT.ok;
}
