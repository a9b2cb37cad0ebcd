/** The ports of an embedded server: a home keeps its first ports, so that printed addresses stay valid. */
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { createServer } from 'node:net';
import { join } from 'node:path';
import getPort, { clearLockedPorts, portNumbers } from 'get-port';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../../system/files.ts';

/** Everything listens on loopback. */
export const LOOPBACK = '127.0.0.1';
/** The default port of Temporal's own tools, for the default home. */
const DEFAULT_GRPC = 7233;
/** Other homes start in a range of this many ports above it, each at its own. */
const OTHER_HOMES = 700;
/** Distance of the Web UI's port from the server's. */
const UI_ABOVE = 1000;
/** Ports tried upwards if one is taken. */
const TRIED = 200;

const portPair = z.object({ grpc: z.number().int().positive(), ui: z.number().int().positive() });
type PortPair = z.infer<typeof portPair>;

/** Where a server listens. */
export interface EmbeddedPorts extends PortPair {
  /** Where the Web UI itself listens: an address known only to the gate in front of it. */
  readonly hiddenUi: { readonly ip: string; readonly port: number };
}

/**
 * Free ports for the server of `dataDir`: the `wanted` ones, else those of its first start, else its own range; the
 * next free port if one is taken.
 */
export async function choosePorts(
  dataDir: string,
  wanted: { readonly grpc?: number; readonly ui?: number } | undefined,
): Promise<EmbeddedPorts> {
  // Ports that were recently returned are reserved within this process, but not against an explicit request.
  const kept = wanted ?? readPorts(dataDir);
  if (kept) clearLockedPorts();
  const grpc = await freeFrom(kept?.grpc ?? ownPort(dataDir));
  // At the same distance, so that homes that start at the same moment do not collide here either.
  const ui = await freeFrom(kept?.ui ?? grpc + UI_ABOVE);
  const ip = await hiddenAddress();
  return { grpc, ui, hiddenUi: { ip, port: await getPort({ host: ip }) } };
}

/** Stores the ports of the first start; later starts on other ports change nothing. */
export function storePorts(dataDir: string, { grpc, ui }: PortPair): void {
  if (readPorts(dataDir) !== undefined) return;
  writePrivateFile(portsPath(dataDir), `${JSON.stringify({ grpc, ui } satisfies PortPair)}\n`);
}

const portsPath = (dataDir: string): string => join(dataDir, 'ports.json');

function readPorts(dataDir: string): PortPair | undefined {
  try {
    return portPair.parse(JSON.parse(readIfThere(portsPath(dataDir)) ?? 'null'));
  } catch {
    return undefined;
  }
}

const freeFrom = (port: number): Promise<number> =>
  getPort({ host: LOOPBACK, port: portNumbers(port, Math.min(port + TRIED, 65_535)) });

/** The first port to try, different for each home, so that homes used in turn keep their own ports. */
function ownPort(dataDir: string): number {
  if (dataDir === join(homedir(), '.subagents', 'temporal')) return DEFAULT_GRPC;
  const hash = createHash('sha256').update(dataDir).digest().readUInt32BE();
  return DEFAULT_GRPC + 1 + (hash % OTHER_HOMES);
}

/** A loopback address that a web page cannot guess; on systems with only one such address (macOS), that one. */
async function hiddenAddress(): Promise<string> {
  const ip = `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
  const probe = createServer();
  try {
    probe.listen(0, ip);
    await once(probe, 'listening');
    return ip;
  } catch {
    return LOOPBACK;
  } finally {
    probe.close();
  }
}
