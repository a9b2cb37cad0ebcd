/** From our errors to what a workflow is told of an activity that failed. */
import { ApplicationFailure } from '@temporalio/activity';
import { ACTIVITY_FAILURES, SubagentsError, type ErrorCode } from '../src/contract/index.ts';

/**
 * Runs an activity that works on a workspace. A SubagentsError becomes a failure that is not retried, with
 * `{ code, remedy }` as its details, of type `Refused` for the codes in `refusals` (what was asked for cannot be had) and
 * `Workspace` otherwise (git or the disk failed). Other errors (a cancellation, a bug) pass as they are.
 */
export async function reportingFailures<T>(
  work: () => Promise<T>,
  refusals: readonly ErrorCode[] = [],
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SubagentsError)) throw error;
    throw ApplicationFailure.create({
      type: refusals.includes(error.code) ? ACTIVITY_FAILURES.refused : ACTIVITY_FAILURES.workspace,
      message: error.message,
      nonRetryable: true,
      details: [{ code: error.code, remedy: error.remedy }],
      cause: error,
    });
  }
}
