/** Reads a policy by its name or from its file. */
import { readFileSync } from 'node:fs';
import { firstProblem, validate } from '../contract/check.ts';
import { SubagentsError } from '../contract/errors.ts';
import { policyOrName, type Policy } from '../contract/policies/policy.ts';

/**
 * Reads a policy.
 * @param source `careful`, or the path of a JSON file
 * @throws SubagentsError BAD_INPUT that says what is wrong with the file or with which rule
 */
export function readPolicy(source: string): Policy {
  const named = policyOrName.safeParse(source);
  if (named.success) return named.data;
  const bad = (problem: string, cause?: unknown): SubagentsError =>
    new SubagentsError('BAD_INPUT', `the policy ${source}: ${problem}`, {
      remedy: 'name "careful", or a JSON file like {"use": "careful", "deny": ["command git push"]}',
      cause,
    });
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(source, 'utf8'));
  } catch (error) {
    throw bad(
      error instanceof SyntaxError ? `it is not JSON (${error.message})` : (error as Error).message,
      error,
    );
  }
  const parsed = validate(policyOrName, content);
  if (!parsed.success) throw bad(firstProblem(parsed.error), parsed.error);
  return parsed.data;
}
