/** Stops the `up` of a home from another process, and checks whether any of its processes are left. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StopReport } from '../../contract/reports/stop.ts';
import type { HomeView } from '../../home/home.ts';
import { homeBusyError } from '../../home/lock.ts';
import { tryLock } from '../../system/lock.ts';
import { isAlive, signalProcess, type ProcessIdentity } from '../../system/process.ts';
import { endStaleServer } from '../../temporal/embedded/process.ts';
import { readUpFile } from '../../temporal/up-file.ts';
import { processTree } from './processes.ts';

/** A worker interrupts its turns within 20 s, and a server closes its database within 10 s. */
const STOP_TIMEOUT_MS = 40_000;
const KILL_TIMEOUT_MS = 5_000;
const CHECK_INTERVAL_MS = 25;
const PROGRESS_EVERY_MS = 5_000;

/**
 * Stops the `up` that runs in `home`, even one that is still starting, and waits until all its processes are gone. Also
 * stops a server that a killed `up` left behind.
 * @param options.now kills its parts instead of waiting for a clean stop
 * @throws SubagentsError HOME_BUSY if it runs in another container or on another machine
 */
export async function stopUp(
  home: HomeView,
  options: { readonly now: boolean; readonly onProgress: (line: string) => void },
): Promise<StopReport> {
  const up = await findUp(home);
  if (up === undefined) {
    const server = await endStaleServer(home.paths.temporal);
    if (server === undefined) return { stopped: false, forced: false, processes: 0, left: [] };
    return { stopped: true, forced: false, processes: 1, left: [], leftBehind: server };
  }
  const family = processTree(up.pid);
  signalProcess(up, 'SIGTERM');
  // A second SIGTERM means an immediate stop; it counts only once the first was handled.
  if (options.now) await delay(200).then(() => signalProcess(up, 'SIGTERM'));
  const living = () => family.filter(({ pid, startTime }) => isAlive(pid, startTime));
  const clean = await waitUntilGone(living, STOP_TIMEOUT_MS, options.onProgress);
  if (!clean) {
    for (const each of living()) signalProcess(each, 'SIGKILL');
    await waitUntilGone(living, KILL_TIMEOUT_MS, options.onProgress);
  }
  return { stopped: true, forced: !clean, processes: family.length, left: living().map(({ pid }) => pid) };
}

/** The process that runs as `up` in this home. @throws SubagentsError HOME_BUSY if it cannot be stopped from here */
async function findUp(home: HomeView): Promise<ProcessIdentity | undefined> {
  const up = readUpFile(home.root);
  if (up !== undefined) return up;
  const answer = await tryLock(join(home.paths.lock, 'up'));
  if ('holder' in answer) {
    if (answer.holder.elsewhere !== undefined) throw homeBusyError(home.root, 'up', answer.holder);
    return answer.holder;
  }
  answer.lock.release();
  return undefined;
}

async function waitUntilGone(
  living: () => readonly ProcessIdentity[],
  timeoutMs: number,
  onProgress: (line: string) => void,
): Promise<boolean> {
  const since = Date.now();
  for (let reportedAt = since; living().length > 0;) {
    const now = Date.now();
    if (now - since > timeoutMs) return false;
    if (now - reportedAt > PROGRESS_EVERY_MS) {
      onProgress(
        `still stopping (${Math.round((now - since) / 1_000)} s), ${living().length} processes left`,
      );
      reportedAt = now;
    }
    await delay(CHECK_INTERVAL_MS);
  }
  return true;
}
