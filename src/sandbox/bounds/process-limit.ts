/** How the kernel bounds the number of processes in a sandbox on this machine. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { boundedGroups } from './control-group.ts';

/** The first version of Linux in which each namespace of processes has its own `pid_max`. */
export const OWN_PID_MAX = [6, 14] as const;

/**
 * - `group`: a control group
 * - `limit`: RLIMIT_NPROC, which counts in each user namespace by itself, but never for root
 * - `namespace`: `pid_max` of a namespace of processes, which root alone can make around the one of bwrap
 * - `none`: nothing; a program that starts itself again is faster than the watch
 */
export type ProcessLimit = 'group' | 'limit' | 'namespace' | 'none';

/** Returns what bounds the number of processes in the sandboxes that this process starts. */
export function processLimit(): ProcessLimit {
  if (boundedGroups() !== undefined) return 'group';
  if (!isRootOfMachine()) return 'limit';
  return hasOwnPidMax(release()) && isCapable(CAP_SYS_ADMIN) ? 'namespace' : 'none';
}

/** Whether `version` of Linux has a `pid_max` for each namespace. In older ones the machine's would be written. */
function hasOwnPidMax(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OWN_PID_MAX[0] || (major === OWN_PID_MAX[0] && minor >= OWN_PID_MAX[1]);
}

/** Whether this process is root, and not only in a user namespace. */
const isRootOfMachine = (): boolean =>
  process.geteuid?.() === 0 && /^\s*0\s+0\s/.test(readFileSync('/proc/self/uid_map', 'utf8'));

const CAP_SYS_ADMIN = 21n;

/** Whether this process has a capability; see capabilities(7). */
function isCapable(capability: bigint): boolean {
  const [, effective = '0'] =
    /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}
