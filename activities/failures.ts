/** From our errors to what a workflow is told of an activity that failed. */
import { ApplicationFailure } from '@temporalio/activity';
import { ACTIVITY_FAILURES, SubagentsError, type ErrorCode, type Evidence } from '../src/contract/index.ts';
import { systemFailure } from '../src/system/files.ts';

/**
 * Runs an activity that works on a workspace. A SubagentsError becomes a failure that is not retried, with
 * `{ code, remedy }` as its details, of type `Refused` for the codes in `refusals` (what was asked for cannot be had) and
 * `Workspace` otherwise (git or the disk failed). What the system refuses (a full disk, no permission, too many open files) is told
 * as such an error. Others (a cancellation, a bug) pass as they are.
 * @param known joins the details; its remedy counts where the error has none.
 */
export async function reportingFailures<T>(
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
