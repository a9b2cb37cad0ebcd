import { isFinal } from '../../contract/index.ts';
import { readUpFile } from '../../temporal/up-file.ts';
import { elapsedText } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import { FIX } from '../tasks.ts';
import { requireInTime, pollUntil } from '../until.ts';
import { runningCommand, skip } from './scene.ts';

/** A supervisor restarts a worker at once; the new one polls about a second later. */
const BACK_TIMEOUT_MS = 60_000;

/**
 * Kills the worker process with SIGKILL during a command, and waits until `up` has restarted it and the subagent works
 * again.
 */
export async function killTheWorker(stage: Stage, runs: ReadonlyMap<string, string>): Promise<void> {
  const { narrator, session, home, signal, up, eventTimeoutMs } = stage;
  const row = await runningCommand(stage, FIX);
  if (row === undefined)
    return skip(stage, 'the death of the worker', `${FIX} was not seen to run a shell command.`);
  const pid = requireInTime(readUpFile(home)?.workerPid, 'a worker in up.json', 0);
  const before = await session.list({ progress: false, finished: 3 });
  const live = before.live.filter(({ status }) => !isFinal(status)).map(({ label }) => label);
  narrator.report(
    'demo',
    'worker-kill',
    `kill -9 ${pid}: the worker dies while ${FIX} is running “${row.progress?.doing}”`,
    {
      pid,
      during: row.progress?.doing,
      live,
    },
  );
  const killedAt = new Date();
  process.kill(pid, 'SIGKILL');

  const back = await pollUntil(() => (up.worker()?.pid === pid ? undefined : up.worker()), {
    timeoutMs: BACK_TIMEOUT_MS,
    signal,
  });
  const { pid: newPid, at } = requireInTime(back, 'the start of a new worker', BACK_TIMEOUT_MS);
  narrator.report(
    'demo',
    'worker-back',
    `The new worker, process ${newPid}, took work ${elapsedText(Date.parse(at) - killedAt.getTime())} after the kill.`,
    {
      pid: newPid,
      tookMs: Date.parse(at) - killedAt.getTime(),
    },
  );

  const again = await pollUntil(
    async () => {
      const { live: now, finished } = await session.list();
      const found = [...now, ...finished].find(({ label }) => label === FIX);
      if (found !== undefined && isFinal(found.status)) return found;
      return Date.parse(found?.progress?.since ?? '') > killedAt.getTime() ? found : undefined;
    },
    { timeoutMs: eventTimeoutMs, signal },
  );
  const same = again !== undefined && again.runId === runs.get(FIX);
  narrator.check(
    same,
    FIX,
    'resumed',
    again === undefined
      ? 'has not gone on'
      : `went on ${elapsedText(Date.now() - killedAt.getTime())} after the kill, in the same run`,
    { runId: again?.runId, tookMs: Date.now() - killedAt.getTime() },
  );
}
