/** Watches a running turn until it is over. */
import type { LiveTurn } from '../turn/live-turn.ts';
import { changeOrTimeout } from '../turn/change-signal.ts';
import { RuntimeDied } from './runtime.ts';
import { judgeTurn, type TurnLimits, type TurnVerdict } from '../turn/verdict.ts';

/** How a turn can end. */
export type SuperviseResult =
  Exclude<TurnVerdict, 'interrupted' | 'left-background'> | 'stopped' | 'no-space';

/** Interval for checking time limits while no event arrives, in milliseconds. */
const TICK_MS = 250;
/** After this much silence, in milliseconds, the runtime is pinged; then again at the same interval. */
const PING_AFTER_MS = 15_000;

/**
 * Settles when the turn is over, or `stopped`: by `stop`, or because its session was closed. Throws RuntimeDied.
 * @param lacksSpace whether the turn must stop for lack of disk space; called repeatedly
 */
export async function supervise(
  turn: LiveTurn,
  limits: TurnLimits,
  stop: AbortSignal,
  lacksSpace: () => boolean = () => false,
): Promise<SuperviseResult> {
  const onStop = (): void => turn.changed.notify();
  stop.addEventListener('abort', onStop);
  let pinged = Date.now();
  try {
    for (;;) {
      if (turn.runtime.death !== undefined) throw new RuntimeDied(turn.runtime.death.message);
      if (stop.aborted || turn.isDetached) return 'stopped';
      const verdict = judgeTurn(turn, Date.now(), limits);
      if (verdict === undefined && lacksSpace()) return 'no-space';
      switch (verdict) {
        case undefined:
          break;
        case 'interrupted':
          await turn.continueModel();
          continue;
        case 'left-background':
          await endBackgroundWork(turn);
          return 'finished';
        default:
          return verdict;
      }
      if (Date.now() - Math.max(turn.lastEventAt, pinged) > PING_AFTER_MS) {
        pinged = Date.now();
        // Not awaited: `request` kills a runtime that does not answer, and everything that waits for it then throws.
        turn.runtime.request(turn.runtime.client.ping()).catch(() => undefined);
      }
      await changeOrTimeout(turn.changed, TICK_MS);
    }
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}

/** Ends the turn's background work, and adds a note for each. */
export async function endBackgroundWork(turn: LiveTurn): Promise<void> {
  const ended = await turn.endBackground();
  turn.notes.push(...ended.map((what) => `\`${what}\` still ran in the background and was killed`));
}
