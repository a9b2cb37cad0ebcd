/** Which processes belong to a subagent, as far as Linux can tell. */
import { readdirSync, readFileSync } from 'node:fs';
import { oneLine } from '../contract/text.ts';
import { linuxStat, startTimeOf, type LinuxStat, type ProcessIdentity } from '../system/process.ts';
import { hardLockLimit, processMarker } from './marker.ts';

export { markerScript, processMarker } from './marker.ts';
/** Set by Copilot in the environment of every shell it starts. */
const SESSION_VARIABLE = 'COPILOT_AGENT_SESSION_ID';
const MAX_COMMAND_CHARS = 200;
/** Of the process that is there as long as the system is, and mostly another user's. */
const FIRST_PID = 1;

/** A process that a subagent left. */
export interface FoundProcess extends ProcessIdentity {
  /** Its command line, as one plain line of at most 200 characters. */
  readonly command: string;
}

/** Processes that a scan did not look at. */
export interface Unseen {
  /** Pids of those that ended after they were listed and before they were looked at: they may have forked. */
  readonly ended: readonly number[];
  /** Pids of those that this user may not look at, whenever it tries (`hidepid=1`, see proc(5)). */
  readonly closed: readonly number[];
  /** Whether those of other users are not even listed (`hidepid=2` or more). */
  readonly hidden: boolean;
}

const ALL_SEEN: Unseen = { ended: [], closed: [], hidden: false };

/** Whether this system has the means to find them. */
export const canFindProcesses = process.platform === 'linux';

/** The living processes of a Copilot session; see `ProcessSearch`. */
export function findProcesses(copilotSessionId: string): FoundProcess[] {
  const found: FoundProcess[] = [];
  new ProcessSearch(copilotSessionId).scan((process) => found.push(process));
  return found;
}

/** Looks for the processes of a Copilot session, scan after scan. */
export class ProcessSearch {
  readonly #marker: number;
  readonly #variable: string;
  /** Those of its dead that nobody has waited for yet, as `PID START`. */
  readonly #zombies = new Set<string>();

  constructor(copilotSessionId: string) {
    this.#marker = processMarker(copilotSessionId);
    this.#variable = `\0${SESSION_VARIABLE}=${copilotSessionId}\0`;
  }

  /**
   * Looks at every process of this machine once and reports those of the session, each as soon as it is seen: those that
   * carry its mark, those with its id in their environment, and everyone in a process session (setsid) of theirs.
   * Never this process or one it descends from. The Copilot runtime carries neither. Takes about 6 ms for 100 programs.
   *
   * @returns what it did not see. When that is nothing, and none was reported, none is there: one that forks and ends faster
   * than it can be looked at is at least listed.
   */
  scan(onFound: (process: FoundProcess) => void): Unseen {
    if (!canFindProcesses) return ALL_SEEN;
    const spared = ownLine();
    const others = new Map<number, LinuxStat>();
    const found = new Map<number, LinuxStat>();
    const ended: number[] = [];
    const closed: number[] = [];

    const newest = newestPid();
    const pids = runningPids();
    // Pids began again from below while they were listed, where one that was started then is not seen.
    if (newestPid() < newest) ended.push(newest);
    // The newest first: what never stays long is looked at before it is gone.
    for (const pid of pids) {
      if (spared.has(pid)) continue;
      const stat = linuxStat(pid);
      if (stat?.kernelThread) continue;
      const limits = stat && read(pid, 'limits');
      if (!stat || !limits) (isOutOfSight(pid) ? closed : ended).push(pid);
      else if (startTimeOf(stat) === undefined) {
        if (this.#hasJustDied(pid, stat, limits)) ended.push(pid);
      } else if (hardLockLimit(limits) === this.#marker || hasVariable(pid, this.#variable)) {
        found.set(pid, stat);
        report(pid, stat, onFound);
      } else others.set(pid, stat);
    }

    // A session whose leader lives and is not theirs is somebody's terminal, or the runtime's own.
    const ours = linuxStat(process.pid)?.session;
    const sessions = new Set(
      [...found.values()]
        .map(({ session }) => session)
        .filter((session) => session !== ours && !others.has(session) && !spared.has(session))
        .filter((session) => !isOutOfSight(session)),
    );
    for (const [pid, stat] of others) if (sessions.has(stat.session)) report(pid, stat, onFound);
    return { ended, closed, hidden: !pids.includes(FIRST_PID) };
  }

  /** Whether a zombie carries the mark and was none in a scan before: it may have lived, and forked, when it was listed. */
  #hasJustDied(pid: number, { startTicks }: LinuxStat, limits: string): boolean {
    if (hardLockLimit(limits) !== this.#marker) return false;
    const zombie = `${pid} ${startTicks}`;
    if (this.#zombies.has(zombie)) return false;
    this.#zombies.add(zombie);
    return true;
  }
}

function report(pid: number, stat: LinuxStat, onFound: (process: FoundProcess) => void): void {
  const startTime = startTimeOf(stat);
  if (startTime !== undefined) onFound({ pid, startTime, command: commandOf(pid) });
}

function runningPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => b - a);
}

/** Whether the process is there, and this user may not look at it. */
function isOutOfSight(pid: number): boolean {
  if (linuxStat(pid) !== undefined) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The pid that was given last: the fifth field of /proc/loadavg, see proc_loadavg(5). */
function newestPid(): number {
  return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1));
}

/** This process and all that it descends from. */
function ownLine(): Set<number> {
  const line = new Set<number>();
  for (let pid: number | undefined = process.pid; pid; pid = linuxStat(pid)?.ppid) line.add(pid);
  return line;
}

function hasVariable(pid: number, variable: string): boolean {
  return `\0${read(pid, 'environ')}`.includes(variable);
}

function commandOf(pid: number): string {
  const line = read(pid, 'cmdline').replaceAll('\0', ' ') || `[${read(pid, 'comm').trim()}]`;
  return oneLine(line, MAX_COMMAND_CHARS);
}

/** A file of /proc; empty when the process is gone or its file is not ours to read. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
