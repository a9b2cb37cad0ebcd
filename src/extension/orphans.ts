/**
 * Finds sessions whose conversation is gone: after `/clear`, or when a terminal was closed and its conversation not
 * resumed.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Subagents } from '../client/index.ts';
import type { AdoptedSession } from '../tools/index.ts';

/** The prefix of a conversation's session, before the id of the Copilot session. */
const PREFIX = 'copilot-';
/** Maximum number of sessions checked, newest first. */
const MAX_SESSIONS = 20;
const MAX_FINISHED = 50;

/** The session of a Copilot session. It is the same after `copilot --resume`. */
export const sessionOf = (copilotSessionId: string): string => `${PREFIX}${copilotSessionId}`;

/**
 * Sessions of other conversations of this machine that have live subagents or unacknowledged announcements in
 * `repository`, and that no Copilot CLI has open. Sessions of other machines or users on the same server are left out,
 * because it is not known whether they are open.
 * @param own this conversation's session
 * @param repository root of a checkout
 * @param states the folder of Copilot sessions' states
 * @throws SubagentsError TEMPORAL_UNREACHABLE, TIMEOUT
 */
export async function orphansToAdopt(
  subagents: Subagents,
  { own, repository, states }: { own: string; repository: string; states: string },
): Promise<AdoptedSession[]> {
  const sessions = (await subagents.sessions())
    .filter(({ session }) => session.startsWith(PREFIX) && session !== own)
    .filter(({ session }) => isAbandoned(join(states, session.slice(PREFIX.length))))
    .slice(0, MAX_SESSIONS);
  const found = await Promise.all(
    sessions.map(async ({ session }): Promise<AdoptedSession[]> => {
      const handle = subagents.session(session);
      const { live, finished, unacknowledged } = await handle.list({
        finished: MAX_FINISHED,
        progress: false,
      });
      const isHere = [...live, ...finished].some(({ repo }) => repo === repository);
      const waiting = unacknowledged ?? 0;
      return isHere && (waiting > 0 || live.length > 0) ? [{ session, waiting, live: live.length }] : [];
    }),
  );
  return found.flat();
}

/** Whether this machine has the Copilot session, and no live Copilot CLI holds a lock file in its folder. */
function isAbandoned(state: string): boolean {
  try {
    return !readdirSync(state).some((name) => {
      const pid = Number(/^inuse\.(\d+)\.lock$/.exec(name)?.[1]);
      return pid > 0 && isAlive(pid);
    });
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
