import { join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { tryLock, type Holder, type Lock } from '../system/lock.ts';
import type { HomeView } from './home.ts';

/** The role of a process in a home; each role has at most one process. */
export type HomeRole = 'up' | 'worker';

/**
 * Locks the home for this process in `role`, until the lock is released or the process is gone, however it ended.
 * @throws SubagentsError HOME_BUSY with the process that holds it, and since when
 */
export async function lockHome(home: Pick<HomeView, 'root' | 'paths'>, role: HomeRole): Promise<Lock> {
  const answer = await tryLock(join(home.paths.lock, role));
  if ('lock' in answer) return answer.lock;
  throw homeBusyError(home.root, role, answer.holder);
}

/** The error for a locked home: names the holder, where it runs and since when, and a remedy. */
export function homeBusyError(root: string, role: HomeRole, holder: Holder): SubagentsError {
  const { pid, since, elsewhere } = holder;
  const what = role === 'up' ? '`subagents up`' : 'a worker';
  if (elsewhere === undefined)
    return new SubagentsError('HOME_BUSY', `${what} already uses ${root}: process ${pid}, since ${since}`, {
      remedy:
        '`subagents status` shows it, `subagents down` stops it; or use another home (--home, SUBAGENTS_HOME)',
    });
  const where = `in another container or on another machine (host ${elsewhere}, process ${pid} there)`;
  return new SubagentsError('HOME_BUSY', `${what} already uses ${root}, ${where}, since ${since}`, {
    remedy: `run \`subagents down\` there; or use another home (--home, SUBAGENTS_HOME): a home cannot be shared`,
  });
}
