/** What counts of a turn for its subagent. */
import type { Permissions, Spent } from '../../contract/index.ts';
import type { TurnState } from './turn-state.ts';

/** The figures of a turn in that state. */
export function spentIn({ usage, model, denials }: TurnState, permissions: Permissions): Spent {
  const denied = denials.list(permissions);
  return {
    usage,
    ...(model !== undefined && { model }),
    ...(denied.length > 0 && { denials: denied }),
  };
}
