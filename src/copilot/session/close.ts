/** Ends what of a subagent is in the Copilot runtime. Its processes are swept by others, after this. */
import type { Spent, SubagentRef } from '../../contract/index.ts';
import { blankEventLog } from '../log/event-log.ts';
import { UnsavedToolResults } from '../log/unsaved-tool-results.ts';
import type { LiveTurn } from '../turn/live-turn.ts';
import type { CopilotPool } from '../runtime/pool.ts';
import { keptLoaded } from '../runtime/trust.ts';

/**
 * Takes a turn out of the runtime: aborts it where asked, then closes the Copilot session, which writes its log to the
 * end and ends the commands it still has attached. The session stays resumable. Never rejects.
 * `final`: no other attempt of the same turn is to be expected.
 */
export function closeTurn(
  pool: CopilotPool,
  turn: LiveTurn,
  { abort, final }: { abort: boolean; final: boolean },
): Promise<void> {
  if (turn.over) return pool.turns.closed(turn.copilotSessionId);
  pool.turns.remove(turn, final);
  const closed = close(turn, abort);
  pool.turns.closing(turn.copilotSessionId, closed);
  return pool.turns.closed(turn.copilotSessionId);
}

async function close(turn: LiveTurn, abort: boolean): Promise<void> {
  const { runtime } = turn;
  // One that is still being opened would be at work as soon as it is.
  const session = await turn.session();
  if (session === undefined || runtime.death !== undefined) return;
  if (abort) await runtime.ask(session.abort());
  await runtime.disconnect(session);
}

/**
 * Ends the turn of a subagent's Copilot session, if it has one, and closes the session in the runtime. Settles when both
 * are done, with what the turn had used.
 * @param over whether no turn is to follow in its run: then none that is on its way begins, and secrets in its log are overwritten.
 */
export async function stopCopilotSession(
  pool: CopilotPool,
  subagent: Pick<SubagentRef, 'copilotSessionId' | 'run'>,
  { abort, over }: { abort: boolean; over: boolean },
): Promise<Spent | undefined> {
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
  const loaded = keptLoaded(pool.copilotHome, copilotSessionId);
  return { ...turn.spent, ...(loaded.length > 0 && { loaded }) };
}
