import { homeRoot } from '../../system/home-root.ts';
import { workerHealth } from '../../worker/health.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit.ts';
import type { WorkerHealthJson } from '../json.ts';

/** `subagents worker health`. The exit code is 1 when the worker of this home is not healthy. */
export async function workerHealthCommand({ output, options, env }: Context): Promise<number> {
  const health = workerHealth(homeRoot(options.home, env));
  output.data(health satisfies WorkerHealthJson);
  output.line(health.why);
  return health.healthy ? EXIT.ok : EXIT.failed;
}
