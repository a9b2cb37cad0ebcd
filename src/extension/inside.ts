import { SUBAGENT_VARIABLE } from '../contract/protocol/names.ts';

/**
 * Whether this Copilot CLI belongs to a subagent, or was started from a shell of a subagent or of any other agent. Then
 * the extension offers no tools, because a subagent must do its task itself.
 */
export function isInsideSubagent(env: Readonly<Record<string, string | undefined>>): boolean {
  return env[SUBAGENT_VARIABLE] !== undefined || env['COPILOT_AGENT_SESSION_ID'] !== undefined;
}
