import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { ACTIVITY_FAILURES, type Failure } from '../src/contract/index.ts';

/** The failure that an activity reported. Anything but a reported failure (a cancellation, a bug) is thrown on. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ActivityFailure && error.cause instanceof ApplicationFailure) {
    const { type, message, details } = error.cause;
    const remedy = (details?.[0] as { remedy?: string } | undefined)?.remedy;
    const known =
      type === ACTIVITY_FAILURES.refused
        ? 'refused'
        : type === ACTIVITY_FAILURES.workspace
          ? 'workspace'
          : 'internal';
    return { class: known, message, ...(remedy !== undefined && { remedy }) };
  }
  throw error;
}

/** The failure of a subagent whose set-up failed with `problem`; undefined when it did not. */
export function setUpFailure(problem: string | undefined): Failure | undefined {
  if (problem === undefined) return undefined;
  const remedy =
    'Mend the command, or what it needs on the worker’s machine (show has its output), and spawn again.';
  return { class: 'setup', message: problem, remedy };
}
