import { join } from 'node:path';
import { SubagentsError } from '../contract/errors.ts';
import { tryLock, type Lock } from '../system/lock.ts';
import type { HomeView } from './home.ts';

/** What a process is to a home; at most one process of each role. */
export type HomeRole = 'up' | 'worker';

/**
 * Takes the home for this process in `role`, until it is released or the process is gone, however it ended.
 * @throws SubagentsError HOME_BUSY, naming the process that has it and since when
 */
export async function lockHome(home: Pick<HomeView, 'root' | 'paths'>, role: HomeRole): Promise<Lock> {
  const answer = await tryLock(join(home.paths.lock, role));
  if ('lock' in answer) return answer.lock;
  const { pid, since } = answer.holder;
  const what = role === 'up' ? '`subagents up`' : 'a worker';
  throw new SubagentsError('HOME_BUSY', `${what} has ${home.root}: process ${pid}, since ${since}`, {
    remedy:
      '`subagents status` shows it, `subagents down` stops it; or use another home (--home, SUBAGENTS_HOME)',
  });
}
