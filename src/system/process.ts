/** Identifies processes: a pid is reused, a pid with its start time identifies one process. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** Identifies one process on this machine. */
export interface ProcessIdentity {
  readonly pid: number;
  /** An opaque value, only for comparison. Differs between two processes with the same pid, even across a reboot. */
  readonly startTime: string;
}

/**
 * When process `pid` started, as an opaque word without spaces; undefined if there is no such process, or only its
 * zombie.
 */
export function processStartTime(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
}

/** Whether exactly that process still runs. */
export function isAlive(pid: number, startTime: string): boolean {
  return processStartTime(pid) === startTime;
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  own ??= { pid: process.pid, startTime: processStartTime(process.pid) ?? 'unknown' };
  return own;
}
let own: ProcessIdentity | undefined;

/**
 * Where pids and start times are valid: this boot of this machine and this PID namespace (each container has its own).
 * A word without dots.
 */
export function processSpace(): string {
  space ??= process.platform === 'linux' ? `${bootId()}-${pidNamespace()}` : 'machine';
  return space;
}
let space: string | undefined;

/** The PID namespace's number, unique on the machine; see pid_namespaces(7). */
function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
}

/** Sends `signal` to exactly that process; false if it is gone or may not be signalled. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity.pid, identity.startTime)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
}

/** The fields of /proc/PID/stat that are used; see proc_pid_stat(5). */
export interface LinuxStat {
  readonly state: string;
  readonly ppid: number;
  /** Process session id (not a session of ours). */
  readonly session: number;
  /** Number of living threads. The first thread may have ended while others run. */
  readonly threads: number;
  /** Clock ticks since boot. */
  readonly startTicks: string;
  /** Whether it is a kernel thread, not a program. */
  readonly kernelThread: boolean;
}

/** PF_KTHREAD of linux/sched.h, in the flags of /proc/PID/stat. */
const KERNEL_THREAD = 0x0020_0000;

/** The fields of /proc/PID/stat from the state on, which is the third; undefined if there is no such process. */
export const linuxStatFields = (pid: number): string[] | undefined => statFieldsAt(`/proc/${pid}`);

/** As `linuxStatFields`, of the process with this folder in a /proc. */
export function statFieldsAt(folder: string): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(`${folder}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command name is in parentheses and may contain anything, so fields are counted after the last parenthesis.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Reads /proc/PID/stat; undefined if there is no such process. */
export function linuxStat(pid: number): LinuxStat | undefined {
  const fields = linuxStatFields(pid);
  if (fields === undefined) return undefined;
  const [state = '', ppid = '0', , session = '0'] = fields;
  return {
    state,
    ppid: Number(ppid),
    session: Number(session),
    threads: Number(fields[17]),
    startTicks: fields[19] ?? '',
    kernelThread: (Number(fields[6]) & KERNEL_THREAD) !== 0,
  };
}

/** The start time of `stat` in the form of `processStartTime`; undefined for a zombie without running threads. */
export function startTimeOf({ state, threads, startTicks }: LinuxStat): string | undefined {
  const isDead = state === 'X' || (state === 'Z' && threads <= 1);
  return isDead ? undefined : `${bootId()}-${startTicks}`;
}

function linuxStartTime(pid: number): string | undefined {
  const stat = linuxStat(pid);
  return stat && startTimeOf(stat);
}

// Ticks count from boot, and pids of early processes recur at about the same tick after each boot; so the boot is
// included.
function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
  return boot;
}
let boot: string | undefined;

// `ps` has a resolution of a second: two processes with the same pid within one second would look alike.
function psStartTime(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const [state = 'Z', ...start] = line.split(/\s+/);
    return state.startsWith('Z') || start.length === 0 ? undefined : start.join('-').replaceAll(':', '');
  } catch {
    return undefined;
  }
}
