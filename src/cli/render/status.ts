import type { SubagentRow } from '../../client/index.ts';
import { isBlocked, type CaveatKind } from '../../contract/outcome/caveat.ts';
import { STALLS, type StallState } from '../../contract/status/stalled.ts';
import type { Status } from '../../contract/status/status.ts';
import type { Colors } from '../output.ts';

/** The state of a subagent whose worker is away. It replaces the status, because nothing proceeds. */
const AWAY = STALLS.worker.state;
type State = Status | StallState | typeof DONE_WITH_CAVEAT;
/** The state of a subagent that is done with a blocking caveat. */
const DONE_WITH_CAVEAT = 'done, but';
type Stated = Pick<SubagentRow, 'status' | 'away' | 'stalled'> & {
  readonly caveats?: readonly CaveatKind[] | undefined;
};

/** The state of a subagent, in a word or two. */
export function stateOf({ status, away, stalled, caveats }: Stated): State {
  if (away !== undefined) return AWAY;
  if (stalled !== undefined) return STALLS[stalled.reason].state;
  return status === 'done' && isBlocked(caveats) ? DONE_WITH_CAVEAT : status;
}

/** What a subagent is doing, why it makes no progress, or what it was doing when its worker went away. */
export function doingText({ status, away, stalled }: Stated, doing: string): string {
  if (away !== undefined) return `was ${status}: ${doing}`;
  return stalled === undefined ? doing : (stalled.detail ?? STALLS[stalled.reason].words);
}

/** When the state of a row began; undefined when unknown. */
export const stateSince = ({
  endedAt,
  away,
  stalled,
  since,
}: Pick<SubagentRow, 'endedAt' | 'away' | 'stalled' | 'since'>): string | undefined =>
  endedAt ?? away?.since ?? stalled?.since ?? since;

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
    case 'stuck':
    case 'failing':
      return colors.red(status);
    case 'killed':
    case 'stopping':
      return colors.magenta(status);
    case DONE_WITH_CAVEAT:
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
