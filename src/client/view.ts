/** What a subagent's workflow says of itself. */
import { SUBAGENT, type SubagentView } from '../contract/index.ts';
import type { Link } from './link.ts';
import { ask, isWorkerless } from './query.ts';
import type { KnownRun } from './runs.ts';

/** What the workflow itself says. @throws SubagentsError TEMPORAL_UNREACHABLE, INTERNAL */
export async function readView(
  link: Link,
  run: Pick<KnownRun, 'workflowId' | 'runId'>,
): Promise<SubagentView | 'workerless' | undefined> {
  try {
    return await ask<SubagentView>(link, run, SUBAGENT.describe);
  } catch (error) {
    if (isWorkerless(error)) return 'workerless';
    throw error;
  }
}
