/** Converts our errors into the activity failures that workflows receive. */
import { ApplicationFailure } from '@temporalio/activity';
import { ACTIVITY_FAILURES, SubagentsError, type ErrorCode, type Evidence } from '../src/contract/index.ts';
import { systemFailure } from '../src/system/files.ts';

/**
 * Runs an activity that works on a workspace. A SubagentsError becomes a failure that is not retried, with
 * `{ code, remedy }` as its details: of type `Refused` for the codes in `refusals` (the request cannot be
 * fulfilled), otherwise of type `Workspace` (git or the disk failed). System errors (a full disk, no permission,
 * too many open files) are converted to a SubagentsError first. Other errors (a cancellation, a bug) pass
 * unchanged.
 * @param known returns additional details; its remedy is used when the error has none.
 */
export async function withFailureCodes<T>(
  work: () => Promise<T>,
  refusals: readonly ErrorCode[] = [],
  known: () => Promise<{ readonly remedy: string; readonly evidence: Evidence } | undefined> = async () =>
    undefined,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = systemFailure(thrown) ?? thrown;
    if (!(error instanceof SubagentsError)) throw error;
    const { remedy, ...more } = (await known()) ?? { remedy: undefined };
    throw ApplicationFailure.create({
      type: refusals.includes(error.code) ? ACTIVITY_FAILURES.refused : ACTIVITY_FAILURES.workspace,
      message: error.message,
      nonRetryable: true,
      details: [{ code: error.code, remedy: error.remedy ?? remedy, ...more }],
      cause: error,
    });
  }
}
