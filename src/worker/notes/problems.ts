/** Makes an activity whose result has a problem fail with that result, so that a timeline shows it in red. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  ACTIVITY_FAILURES,
  oneLine,
  type SetUpResult,
  type TurnResult,
  type Verification,
  type VerifyResult,
} from '../../contract/index.ts';

/** Characters of such a failure's message; its details have the whole result. */
const MAX_MESSAGE_CHARS = 400;

/**
 * `run`, whose result is thrown as a failure if it has a problem. Workflows read it as a result again
 * (`timeoutAsLost`).
 */
export function withProblemsAsFailures<Input, Result extends SetUpResult | TurnResult | VerifyResult>(
  run: (input: Input) => Promise<Result>,
): (input: Input) => Promise<Result> {
  return async (input) => {
    const result = await run(input);
    const problem = problemIn(result);
    if (problem === undefined) return result;
    throw ApplicationFailure.create({
      type: ACTIVITY_FAILURES.problem,
      message: oneLine(problem, MAX_MESSAGE_CHARS),
      nonRetryable: true,
      // A subagent's failure is not a problem for an operator.
      category: ApplicationFailureCategory.BENIGN,
      details: [result],
    });
  };
}

function problemIn(result: SetUpResult | TurnResult | VerifyResult): string | undefined {
  switch (result.kind) {
    case 'set-up':
      return result.problem;
    case 'verified':
      return result.problem === undefined ? undefined : (result.reason ?? failedOf(result.verifications));
    case 'failed':
      return result.message;
    case 'timed-out':
      return 'it used up its working time';
    case 'over-budget':
      return 'it used up its budget';
    default:
      return undefined;
  }
}

function failedOf(verifications: readonly Verification[]): string {
  return verifications
    .filter(({ exitCode }) => exitCode !== 0)
    .map(({ command, exitCode, problem }) => `\`${command}\`: ${problem ?? `exit ${exitCode}`}`)
    .join('; ');
}
