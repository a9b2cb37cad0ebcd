import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import {
  ACTIVITY_FAILURES,
  ERROR_CODES,
  type ErrorCode,
  type Evidence,
  type Failure,
} from '../../src/contract/index.ts';

const WORKER_DIED = 'WorkerDied';

/** The failure that refuses a message; `codeIn` reads it. */
export const refusal = (code: ErrorCode, message: string, remedy?: string): ApplicationFailure =>
  ApplicationFailure.create({
    message,
    type: code,
    nonRetryable: true,
    ...(remedy !== undefined && { details: [{ remedy }] }),
  });

/** The failure to throw when a step's worker has died too often; `why` is its message. */
export function workerDied(why: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(why, WORKER_DIED);
}

/** Whether the error was made by `workerDied`. */
export function isWorkerDied(error: unknown): error is ApplicationFailure {
  return error instanceof ApplicationFailure && error.type === WORKER_DIED;
}

/**
 * The failure that an activity reported, or that says its worker died. Rethrows anything else (a cancellation, a bug).
 */
export function outcomeFailure(error: unknown): Failure {
  if (isWorkerDied(error)) {
    const remedy =
      'Check the commands of the subagent: one may kill the processes of its worker, or use up the memory of the machine.';
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

/** The error code that an activity threw, with its remedy; INTERNAL if the code is unknown. */
export function codeIn(error: unknown): { readonly code: ErrorCode; readonly remedy?: string } {
  if (!(error instanceof ApplicationFailure)) return { code: 'INTERNAL' };
  const code = ERROR_CODES.find((known) => known === error.type) ?? 'INTERNAL';
  const remedy = (error.details?.[0] as { remedy?: string } | undefined)?.remedy;
  return { code, ...(remedy !== undefined && { remedy }) };
}

/** The evidence in the failure of an activity, if it had any. */
export function evidenceIn(error: unknown): Evidence | undefined {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return undefined;
  return (error.cause.details?.[0] as { evidence?: Evidence } | undefined)?.evidence;
}

/** The failure of a subagent whose set-up failed with `problem`; undefined if the set-up succeeded. */
export function setUpFailure(problem: string | undefined): Failure | undefined {
  if (problem === undefined) return undefined;
  const remedy =
    'Fix the command, or what it needs on the worker’s machine (`show` has its output), and spawn again.';
  return { class: 'setup', message: problem, remedy };
}
