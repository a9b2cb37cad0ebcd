/** What a subagent's workflow says of itself. */
import { SUBAGENT, SubagentsError, type SubagentView } from '../../contract/index.ts';
import type { Link } from '../connection/link.ts';
import { ask, isUnanswered } from '../connection/query.ts';
import type { KnownRun } from '../listing/runs.ts';
import { whyUnanswered } from '../connection/silence.ts';

/**
 * What the workflow itself says; the error of the Query where nobody answers for it now (see `whyUnanswered`).
 * @throws SubagentsError TEMPORAL_UNREACHABLE
 */
export async function readView(
  link: Link,
  run: Pick<KnownRun, 'workflowId' | 'runId'>,
): Promise<SubagentView | SubagentsError | undefined> {
  try {
    return await ask<SubagentView>(link, run, SUBAGENT.describe);
  } catch (error) {
    if (error instanceof SubagentsError && isUnanswered(error)) return error;
    throw error;
  }
}

/**
 * The same for a caller who cannot go on without it.
 * @throws SubagentsError TEMPORAL_UNREACHABLE; NO_WORKER, TIMEOUT or INTERNAL, saying why nobody answers
 */
export async function requireView(
  link: Link,
  run: Pick<KnownRun, 'label' | 'workflowId' | 'runId'>,
): Promise<SubagentView | undefined> {
  // The answer is worth the whole wait, whoever has kept silent lately.
  link.silentUntil = 0;
  const view = await readView(link, run);
  if (view instanceof SubagentsError) throw await whyUnanswered(link, run, view);
  return view;
}
