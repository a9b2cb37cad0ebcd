/** Finds processes of the benchmark by an environment variable that they all inherit; visible on Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processStartTime, signalProcess, type ProcessIdentity } from '../src/system/process.ts';

/** The variable, set for everything that is started: a folder below the benchmark's own. */
export const MARK = 'SUBAGENTS_BENCH';

/** A killed process ends at once, unless the kernel is busy for it. */
const MAX_DYING_MS = 60_000;
const DYING_PAUSE_MS = 20;

/** The processes whose mark is `folder` or below it, except for this process. */
export function markedProcesses(folder: string): ProcessIdentity[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const startTime =
      `\0${readProc(pid, 'environ')}`.includes(`\0${MARK}=${folder}`) && processStartTime(pid);
    return startTime ? [{ pid, startTime }] : [];
  });
}

/**
 * The memory of these processes in MB (10^6 bytes), as the sum of their proportional set sizes, so that shared memory
 * counts once (proc_pid_smaps_rollup in proc_pid_smaps(5)).
 */
export function memoryOf(processes: readonly ProcessIdentity[]): number {
  const kibibytes = processes.map(({ pid }) =>
    Number(/^Pss: +(\d+) kB/m.exec(readProc(pid, 'smaps_rollup'))?.[1] ?? 0),
  );
  return (kibibytes.reduce((sum, each) => sum + each, 0) * 1024) / 1e6;
}

/** The memory of one process in MB, like `memoryOf`. */
export const processMemory = (pid: number): number => memoryOf([{ pid, startTime: '' }]);

/** Kills the processes with SIGKILL. */
export function killAll(processes: readonly ProcessIdentity[]): void {
  for (const each of processes) signalProcess(each, 'SIGKILL');
}

/**
 * Kills every process whose mark is `folder` or lies in it, also those that one of them starts meanwhile; resolves when none
 * is left.
 * @throws Error if one does not end in time
 */
export async function endMarked(folder: string): Promise<void> {
  for (const until = Date.now() + MAX_DYING_MS; ;) {
    const left = markedProcesses(folder);
    if (left.length === 0) return;
    if (Date.now() > until)
      throw new Error(`killed, and still there: ${left.map(({ pid }) => pid).join(', ')}`);
    killAll(left);
    await delay(DYING_PAUSE_MS);
  }
}

/** A file of a process in /proc; empty if the process is gone. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
