/** Reads a subagent's view from its workflow. */
import { SUBAGENT, SubagentsError, type SubagentView } from '../../contract/index.ts';
import type { Link } from '../connection/link.ts';
import { queryWorkflow, isUnanswered } from '../connection/query.ts';
import type { KnownRun } from '../listing/runs.ts';
import { explainUnanswered } from '../connection/silence.ts';

/**
 * Asks the workflow for its view.
 * @returns undefined when the server does not have the workflow; the error of a Query without answer (see
 * `explainUnanswered`)
 * @throws SubagentsError TEMPORAL_UNREACHABLE
 */
export async function readView(
  link: Link,
  run: Pick<KnownRun, 'workflowId' | 'runId'>,
): Promise<SubagentView | SubagentsError | undefined> {
  try {
    return await queryWorkflow<SubagentView>(link, run, SUBAGENT.describe);
  } catch (error) {
    if (error instanceof SubagentsError && isUnanswered(error)) return error;
    throw error;
  }
}

/**
 * As `readView`, for a caller that cannot do without the view.
 * @throws SubagentsError TEMPORAL_UNREACHABLE; NO_WORKER, TIMEOUT or INTERNAL, with the reason why nobody answers
 */
export async function requireView(
  link: Link,
  run: Pick<KnownRun, 'label' | 'workflowId' | 'runId'>,
): Promise<SubagentView | undefined> {
  // Wait the full time for the answer, even if a worker was silent recently.
  link.silentUntil = 0;
  const view = await readView(link, run);
  if (view instanceof SubagentsError) throw await explainUnanswered(link, run, view);
  return view;
}
