/** What a turn has used, for its subagent's account. */
import type { Permissions, TurnUsage } from '../../contract/index.ts';
import type { TurnState } from './turn-state.ts';

/** The usage, model and denials of a turn in this state. */
export function turnUsageOf({ usage, model, denials }: TurnState, permissions: Permissions): TurnUsage {
  const denied = denials.list(permissions);
  return {
    usage,
    ...(model !== undefined && { model }),
    ...(denied.length > 0 && { denials: denied }),
  };
}
