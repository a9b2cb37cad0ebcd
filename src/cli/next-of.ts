import type { Announcement, Subagents } from '../client/index.ts';
import { SubagentsError } from '../contract/errors.ts';
import { isFinal } from '../contract/status.ts';
import type { Context } from './context.ts';
import { nextLines } from './render/next.ts';

/** An outcome is there before its announcement is; of one that cannot be read by then, nothing more is said. */
const OUTCOME_TIMEOUT_MS = 5_000;

/** Under the announcement of an end: where the work is, and the next commands. Nothing for `--json`, which asks nothing more. */
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
