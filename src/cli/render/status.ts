import type { SubagentRow } from '../../client/index.ts';
import type { Status } from '../../contract/status.ts';
import type { Colors } from '../output.ts';

/** What a row says of a subagent whose worker is away: whatever its status, nothing of it moves. */
const AWAY = 'worker away';
type State = Status | typeof AWAY;
type Stated = Pick<SubagentRow, 'status' | 'away'>;

/** The state of a subagent, in a word or two. */
export const stateOf = ({ status, away }: Stated): State => (away === undefined ? status : AWAY);

/** What a subagent is at, or was when its worker went away. */
export const doingText = ({ status, away }: Stated, doing: string): string =>
  away === undefined ? doing : `was ${status}: ${doing}`;

/** A status in its colour. */
export function statusText(status: State, colors: Colors): string {
  switch (status) {
    case 'done':
      return colors.green(status);
    case 'failed':
    case 'lost':
    case 'timed-out':
    case 'over-budget':
    case AWAY:
      return colors.red(status);
    case 'killed':
    case 'stopping':
      return colors.magenta(status);
    case 'asking':
    case 'waiting':
      return colors.yellow(status);
    case 'queued':
    case 'preparing':
      return colors.blue(status);
    default:
      return colors.cyan(status);
  }
}
