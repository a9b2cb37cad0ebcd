/** Finds the processes that belong to a subagent, as far as Linux allows. */
import { readdirSync, readFileSync } from 'node:fs';
import { oneLine } from '../contract/text/text.ts';
import { linuxStat, startTimeOf, type LinuxStat, type ProcessIdentity } from '../system/process.ts';
import { hardLockLimit, processMarker } from './marker.ts';

export { markerScript, processMarker } from './marker.ts';
/** The variable that Copilot sets in the environment of every shell it starts. */
const SESSION_VARIABLE = 'COPILOT_AGENT_SESSION_ID';
const MAX_COMMAND_CHARS = 200;
/** The pid of init, which always exists and mostly belongs to another user. */
const FIRST_PID = 1;

/** A process that a subagent left behind. */
export interface FoundProcess extends ProcessIdentity {
  /** The command line, as one plain line of at most 200 characters. */
  readonly command: string;
}

/** Processes that a scan could not check. */
export interface Unseen {
  /** Pids of processes that ended between being listed and being checked: they may have forked. */
  readonly ended: readonly number[];
  /** Pids of processes that this user may never inspect (`hidepid=1`, see proc(5)). */
  readonly closed: readonly number[];
  /** Whether /proc does not even list processes of other users (`hidepid=2` or more). */
  readonly hidden: boolean;
}

const ALL_SEEN: Unseen = { ended: [], closed: [], hidden: false };

/** Whether this system allows finding the processes. */
export const canFindProcesses = process.platform === 'linux';

/** Returns the living processes of a Copilot session; see `ProcessSearch`. */
export function findProcesses(copilotSessionId: string): FoundProcess[] {
  const found: FoundProcess[] = [];
  new ProcessSearch(copilotSessionId).scan((process) => found.push(process));
  return found;
}

/** Searches for the processes of a Copilot session in repeated scans. */
export class ProcessSearch {
  readonly #marker: number;
  readonly #variable: string;
  /** Zombies of the session that were seen before, as `PID START`. */
  readonly #zombies = new Set<string>();

  constructor(copilotSessionId: string) {
    this.#marker = processMarker(copilotSessionId);
    this.#variable = `\0${SESSION_VARIABLE}=${copilotSessionId}\0`;
  }

  /**
   * Checks every process of this machine once, and reports each process of the session as soon as it is found:
   * those with the session's mark, those with its id in their environment, and all members of such a process's
   * session (setsid). Never reports this process or its ancestors. The Copilot runtime has neither mark nor id.
   * Takes about 6 ms for 100 programs.
   * @returns the processes that were not checked. When there are none, and none was reported, no process of the
   * session exists: a process that forks and ends too quickly to be checked is at least listed.
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
    // Pids wrapped around during the listing, so a process started meanwhile may be missing from it.
    if (newestPid() < newest) ended.push(newest);
    // Newest first, so that short-lived processes are checked before they end.
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

    // A process session whose leader lives and is not the subagent's belongs to a user's terminal or to the
    // runtime.
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

  /**
   * Whether a zombie with the mark is new in this scan: it may still have been alive, and forked, when it was
   * listed.
   */
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

/** Whether the process exists but this user may not inspect it. */
function isOutOfSight(pid: number): boolean {
  if (linuxStat(pid) !== undefined) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The most recently assigned pid: the fifth field of /proc/loadavg, see proc_loadavg(5). */
function newestPid(): number {
  return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1));
}

/** Returns the pids of this process and its ancestors. */
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

/** Reads a file of /proc; empty when the process is gone or the file is not readable. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
