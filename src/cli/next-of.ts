import type { Announcement, Subagents } from '../client/index.ts';
import { SubagentsError } from '../contract/errors.ts';
import { isFinal } from '../contract/status/status.ts';
import type { Context } from './context.ts';
import { nextLines } from './render/next.ts';

/**
 * How long to wait for an outcome, in milliseconds. It exists before its announcement, so a timeout is not reported.
 */
const OUTCOME_TIMEOUT_MS = 5_000;

/** The lines under the announcement of an end: where the work is, and the next commands. Empty with `--json`. */
export async function nextOf(
  subagents: Subagents,
  { status, session, label, run }: Announcement,
  context: Context,
): Promise<string[]> {
  if (!isFinal(status) || context.output.json) return [];
  try {
    const subagent = subagents.session(session).subagent(`${label}@${run}`);
    const outcome = await subagent.result({ timeoutMs: OUTCOME_TIMEOUT_MS });
    return nextLines(outcome, context.targetName({ session, label }), context.output.colors);
  } catch (error) {
    if (error instanceof SubagentsError) return [];
    throw error;
  }
}
