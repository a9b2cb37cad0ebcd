/** Ends what a subagent has in the Copilot runtime. Its processes are swept elsewhere, after this. */
import type { TurnUsage, SubagentRef } from '../../contract/index.ts';
import { blankEventLog } from '../log/event-log.ts';
import { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import type { LiveTurn } from '../turn/live-turn.ts';
import type { CopilotPool } from '../runtime/pool.ts';
import { readLoaded } from '../runtime/trust.ts';

/**
 * Takes a turn out of the runtime: aborts it if asked, then closes the Copilot session, which completes its log and
 * ends the commands still attached to it. The session stays resumable. Never rejects.
 * @param options `final`: no other attempt at the same turn is expected
 */
export function closeTurn(
  pool: CopilotPool,
  turn: LiveTurn,
  { abort, final }: { abort: boolean; final: boolean },
): Promise<void> {
  if (turn.isDetached) return pool.turns.closed(turn.copilotSessionId);
  pool.turns.remove(turn, final);
  const closed = close(turn, abort);
  pool.turns.markClosing(turn.copilotSessionId, closed);
  return pool.turns.closed(turn.copilotSessionId);
}

async function close(turn: LiveTurn, abort: boolean): Promise<void> {
  const { runtime } = turn;
  // A session that is still opening would start working once it is open.
  const session = await turn.session();
  if (session === undefined || runtime.death !== undefined) return;
  if (abort) await runtime.request(session.abort());
  await runtime.disconnect(session);
}

/**
 * Ends the turn of a subagent's Copilot session, if it has one, and closes the session in the runtime. Settles when
 * both are done, with what the turn had used.
 * @param options `over`: no turn follows in this run, so pending ones are prevented and secrets in the log overwritten
 */
export async function stopCopilotSession(
  pool: CopilotPool,
  subagent: Pick<SubagentRef, 'copilotSessionId' | 'run'>,
  { abort, over }: { abort: boolean; over: boolean },
): Promise<TurnUsage | undefined> {
  const { copilotSessionId } = subagent;
  if (over) pool.ended.end(subagent);
  const turn = pool.turns.get(copilotSessionId);
  if (turn !== undefined) await closeTurn(pool, turn, { abort, final: true });
  await pool.turns.closed(copilotSessionId);
  if (over) {
    new UnsavedToolResults(pool.copilotHome, copilotSessionId, pool.redactor).clear();
    await blankEventLog(pool.copilotHome, copilotSessionId, pool.redactor);
  }
  if (turn === undefined) return undefined;
  const loaded = readLoaded(pool.copilotHome, copilotSessionId);
  return { ...turn.turnUsage, ...(loaded.length > 0 && { loaded }) };
}
