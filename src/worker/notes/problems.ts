/** An activity that came to its end and found a problem: it fails with what it found, so that a timeline shows it in red. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import {
  ACTIVITY_FAILURES,
  oneLine,
  type SetUpResult,
  type TurnResult,
  type Verification,
  type VerifyResult,
} from '../../contract/index.ts';

/** Characters of the message of such a failure; the whole is in its details. */
const MAX_MESSAGE_CHARS = 400;

/** `run`, whose result is thrown as a failure where it has a problem; a workflow takes it as a result all the same (`orLost`). */
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
      // What subagents do wrong is nothing that an operator is to look at.
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
