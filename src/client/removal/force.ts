/**
 * Ends workflows that cannot end by themselves: they fail at every attempt, or no worker runs them. The server
 * closes them.
 */
import { isChain, NO_USAGE, sessionWorkflowId, type Outcome } from '../../contract/index.ts';
import { concurrently } from '../connection/concurrency.ts';
import { isNotFound } from '../errors.ts';
import { isFailing } from '../subagents/inspect.ts';
import type { Link } from '../connection/link.ts';
import type { KnownRun } from '../listing/runs.ts';
import { findRuns } from '../listing/visibility.ts';

const WHY = 'its workflow failed at every attempt and was terminated';

/**
 * Ends a subagent whose workflow fails at every attempt. Its worker sees that the workflow is closed, and ends its
 * processes.
 * @returns the *lost* outcome; undefined when the workflow works
 */
export async function endIfFailing(link: Link, run: KnownRun): Promise<Outcome | undefined> {
  if (!(await isFailing(link, run))) return undefined;
  await terminate(link, run, WHY);
  return lostOutcome(run, WHY);
}

/** Maximum number of live runs that are searched for the steps of a chain. */
const MAX_STEPS = 1_000;

/**
 * Has the server close the run's workflow and, for a chain, those of its steps.
 * @param why the reason, for the history and the summary
 * @returns the *lost* outcome; undefined when the run has ended meanwhile
 */
export async function endByServer(link: Link, run: KnownRun, why: string): Promise<Outcome | undefined> {
  if (isChain(run)) {
    const live = await findRuns(link, { session: run.session, onlyOpen: true, max: MAX_STEPS });
    const steps = live.filter(({ label }) => label.startsWith(`${run.label}.`));
    await concurrently(steps, (step) => terminate(link, step, why));
  }
  return (await terminate(link, run, why)) ? lostOutcome(run, why) : undefined;
}

/** Ends a session whose workflow fails at every attempt. @returns whether it was ended */
export async function endSessionIfFailing(link: Link, session: string): Promise<boolean> {
  const run = { workflowId: sessionWorkflowId(session), label: `session ${session}` };
  if (!(await isFailing(link, run))) return false;
  await terminate(link, run, WHY);
  return true;
}

async function terminate(
  link: Link,
  { workflowId, runId, label }: { workflowId: string; runId?: string; label: string },
  why: string,
): Promise<boolean> {
  const handle = link.client.workflow.getHandle(
    workflowId,
    undefined,
    runId === undefined ? {} : { firstExecutionRunId: runId },
  );
  return link.call(`end ${label}`, async () => {
    try {
      await handle.terminate(why);
      return true;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return false; // it has ended meanwhile
    }
  });
}

function lostOutcome({ session, label, run, startedAt, model }: KnownRun, why: string): Outcome {
  return {
    status: 'lost',
    session,
    label,
    run,
    summary: why,
    report: '',
    failure: {
      class: why === WHY ? 'internal' : 'worker',
      message: why,
      remedy: 'its worktree and branch are unchanged',
    },
    ...(model !== undefined && { model }),
    verifications: [],
    repairs: 0,
    turns: 0,
    usage: NO_USAGE,
    denials: [],
    loaded: [],
    caveats: [],
    durations: {
      queuedMs: 0,
      workingMs: 0,
      verifyingMs: 0,
      totalMs: Date.now() - Date.parse(startedAt),
    },
    notes: [
      'if its worker is running, the worker ends the remaining processes within about 15 s; the kill did not wait for that',
    ],
  };
}
