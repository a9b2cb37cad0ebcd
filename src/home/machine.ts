/** Which machine and user this is. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { readIfThere } from '../system/files.ts';
import type { Env } from '../system/home-root.ts';

/** The name of this host in queues and for people: `SUBAGENTS_HOST`, else the host name. */
export function hostName(env: Env): string {
  return env['SUBAGENTS_HOST'] || hostname();
}

/** The user that this process runs as; by number where it has no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

/**
 * Tells this machine from others, also when its host name changes (a laptop's does, from network to network). A hash:
 * a machine id is not to be shown (machine-id(5)). Containers have no id of their own: name them with `SUBAGENTS_HOST`.
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
