import { SUBAGENT_MARK } from '../contract/names.ts';

/** Whether this Copilot CLI is a subagent's own, or was started from a shell of one (or of any agent). Then nothing is offered: a subagent does its own task. */
export function isInsideSubagent(env: Readonly<Record<string, string | undefined>>): boolean {
  return env[SUBAGENT_MARK] !== undefined || env['COPILOT_AGENT_SESSION_ID'] !== undefined;
}
