/** Which process is which: a pid alone names nothing for long, a pid with its start time names one process. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** One process, for as long as this machine knows it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; compared, never computed with. Differs between two processes of one pid, also across a reboot. */
  readonly startTime: string;
}

/** When process `pid` started, as an opaque word without spaces; undefined when there is no such process, or only its zombie. */
export function processStartTime(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
}

/** Whether that very process still runs. */
export function isAlive(pid: number, startTime: string): boolean {
  return processStartTime(pid) === startTime;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= { pid: process.pid, startTime: processStartTime(process.pid) ?? 'unknown' };
  return own;
}
let own: ProcessIdentity | undefined;

/**
 * Where pids and start times mean what they mean here: this boot of this machine, and this PID namespace (a container has one of its
 * own). A word without dots.
 */
export function processSpace(): string {
  space ??= process.platform === 'linux' ? `${bootId()}-${pidNamespace()}` : 'machine';
  return space;
}
let space: string | undefined;

/** See pid_namespaces(7): its number, unique on the machine. */
function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
}

/** Sends `signal` to that very process; false when it is gone or not ours to signal. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity.pid, identity.startTime)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
}

/** Fields of /proc/PID/stat that are needed here; see proc_pid_stat(5). */
export interface LinuxStat {
  readonly state: string;
  readonly ppid: number;
  /** Process session id (not a session of ours). */
  readonly session: number;
  /** Those that have not ended: its first one may have, while others run on. */
  readonly threads: number;
  /** Clock ticks since boot. */
  readonly startTicks: string;
  /** A thread of the kernel, not a program. */
  readonly kernelThread: boolean;
}

/** PF_KTHREAD of linux/sched.h, in the flags of /proc/PID/stat. */
const KERNEL_THREAD = 0x0020_0000;

/** Reads /proc/PID/stat; undefined when there is no such process. */
export function linuxStat(pid: number): LinuxStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command name is in parentheses and may contain anything: fields count from the last one on.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
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

/** The start time of `stat` in the form of `processStartTime`; undefined for a zombie, of which no thread runs. */
export function startTimeOf({ state, threads, startTicks }: LinuxStat): string | undefined {
  const isDead = state === 'X' || (state === 'Z' && threads <= 1);
  return isDead ? undefined : `${bootId()}-${startTicks}`;
}

function linuxStartTime(pid: number): string | undefined {
  const stat = linuxStat(pid);
  return stat && startTimeOf(stat);
}

// Ticks count from boot, and early pids come back at about the same tick after every boot.
function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
  return boot;
}
let boot: string | undefined;

// `ps` knows the start to the second: two processes of one pid within a second would look alike.
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
