/** Identifies this machine and user. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { callerIdentity, type Face } from '../contract/protocol/caller.ts';
import { readIfThere } from '../system/files.ts';
import type { Env } from '../system/home-root.ts';

/** The name of this host in queues and for people: `SUBAGENTS_HOST`, otherwise the host name. */
export function hostName(env: Env): string {
  return env['SUBAGENTS_HOST'] || hostname();
}

/** The user of this process; by number when the user has no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

/** The identity of this user on this host, who acts through `face`. */
export const ownIdentity = (face: Face, env: Env = process.env): string =>
  callerIdentity(userName(), hostName(env), face);

/**
 * Distinguishes this machine from others, even when its host name changes (as a laptop's does between networks). A
 * hash, because a machine id must not be disclosed (machine-id(5)). Containers have no machine id: name them with
 * `SUBAGENTS_HOST`.
 */
export function machineFingerprint(env: Env): string {
  const id = env['SUBAGENTS_HOST'] || machineId() || hostname();
  return createHash('sha256').update(`durable-subagents:${id}`).digest('hex').slice(0, 32);
}

function machineId(): string | undefined {
  if (process.platform === 'darwin') return platformUuid();
  return (readIfThere('/etc/machine-id') ?? readIfThere('/var/lib/dbus/machine-id'))?.trim();
}

function platformUuid(): string | undefined {
  try {
    const tree = execFileSync('ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice'], { encoding: 'utf8' });
    return /"IOPlatformUUID" = "([^"]+)"/.exec(tree)?.[1];
  } catch {
    return undefined;
  }
}
