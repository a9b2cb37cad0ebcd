/** What a turn has used, for its subagent's account. */
import type { Permissions, Spent } from '../../contract/index.ts';
import type { TurnState } from './turn-state.ts';

/** The usage, model and denials of a turn in this state. */
export function spentIn({ usage, model, denials }: TurnState, permissions: Permissions): Spent {
  const denied = denials.list(permissions);
  return {
    usage,
    ...(model !== undefined && { model }),
    ...(denied.length > 0 && { denials: denied }),
  };
}
