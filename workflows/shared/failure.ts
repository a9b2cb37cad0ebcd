import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import {
  ACTIVITY_FAILURES,
  ERROR_CODES,
  type ErrorCode,
  type Evidence,
  type Failure,
} from '../../src/contract/index.ts';

const WORKER_DIED = 'WorkerDied';

/** To be thrown where a worker died under a step again and again: `why`. */
export function workerDied(why: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(why, WORKER_DIED);
}

/** Whether an error says that. */
export function isWorkerDied(error: unknown): error is ApplicationFailure {
  return error instanceof ApplicationFailure && error.type === WORKER_DIED;
}

/** The failure that an activity reported, or its worker's deaths. Anything else (a cancellation, a bug) is thrown on. */
export function outcomeFailure(error: unknown): Failure {
  if (isWorkerDied(error)) {
    const remedy =
      'Look at what its commands do: one may end the processes of its worker, or use up the memory of the machine.';
    return { class: 'worker', message: error.message, remedy };
  }
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

/** The code of the error that an activity threw, with its remedy; INTERNAL where it is none of ours. */
export function codeIn(error: unknown): { readonly code: ErrorCode; readonly remedy?: string } {
  if (!(error instanceof ApplicationFailure)) return { code: 'INTERNAL' };
  const code = ERROR_CODES.find((known) => known === error.type) ?? 'INTERNAL';
  const remedy = (error.details?.[0] as { remedy?: string } | undefined)?.remedy;
  return { code, ...(remedy !== undefined && { remedy }) };
}

/** What the activity that failed still knew of the work. */
export function evidenceIn(error: unknown): Evidence | undefined {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return undefined;
  return (error.cause.details?.[0] as { evidence?: Evidence } | undefined)?.evidence;
}

/** The failure of a subagent whose set-up failed with `problem`; undefined when it did not. */
export function setUpFailure(problem: string | undefined): Failure | undefined {
  if (problem === undefined) return undefined;
  const remedy =
    'Mend the command, or what it needs on the worker’s machine (show has its output), and spawn again.';
  return { class: 'setup', message: problem, remedy };
}
