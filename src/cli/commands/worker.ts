import { homeRoot } from '../../system/home-root.ts';
import { requirePackages, WORKER_PACKAGES } from '../../system/optional-packages.ts';
import { resolveTemporalTarget } from '../../temporal/target.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import { userName } from '../../home/machine.ts';
import { poolsText, printModelAccess } from '../render/facts.ts';

/** Flags of `worker`. */
export interface WorkerFlags {
  readonly pool?: readonly string[] | undefined;
}

/** `subagents worker`: runs a worker for an existing Temporal server in this process. */
export async function workerCommand(context: Context, { pool: pools = [] }: WorkerFlags): Promise<number> {
  requirePackages('a worker', WORKER_PACKAGES);
  const { runWorker } = await import('../../worker/run-worker.ts');
  const { output, options, env } = context;
  const { profile, address, namespace } = options;
  const home = homeRoot(options.home, env);
  const target = await resolveTemporalTarget({ home, profile, address, namespace, env });
  await runWorker({
    home,
    target,
    pools,
    onReady: ({ workerId, slots }) => {
      const message = `worker ${workerId} ready, ${slots} slots`;
      output.data({ event: 'worker-ready', at: new Date().toISOString(), message, workerId, slots, pools });
      output.fact('Temporal', `${target.address}, namespace ${target.namespace} (${target.origin})`);
      output.fact('worker', `${workerId}, ${slots} slots`);
      output.fact('home', home);
      output.fact('pools', poolsText(pools, userName()));
      void printModelAccess(context).then(() =>
        output.line('\nCtrl-C stops it; its subagents continue when it is back.'),
      );
    },
    onNotice: (line) => output.note(line),
  });
  return EXIT.ok;
}
