/** On which ports an embedded server listens: a home keeps those it had first, so that what was printed stays true. */
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { createServer } from 'node:net';
import { join } from 'node:path';
import getPort, { clearLockedPorts, portNumbers } from 'get-port';
import { z } from 'zod';
import { readIfThere, writePrivateFile } from '../system/files.ts';

/** All that listens is on loopback. */
export const LOOPBACK = '127.0.0.1';
/** The port of Temporal's own tools, for the home that is used when none is named. */
const DEFAULT_GRPC = 7233;
/** How many ports above it other homes begin in, each at one of its own. */
const OTHER_HOMES = 700;
/** The Web UI's port is so far above that of the server. */
const UI_ABOVE = 1000;
/** Ports tried upwards from one that is taken. */
const TRIED = 200;

const portPair = z.object({ grpc: z.number().int().positive(), ui: z.number().int().positive() });
type PortPair = z.infer<typeof portPair>;

/** Where a server listens. */
export interface EmbeddedPorts extends PortPair {
  /** Where the Web UI itself listens: at an address that nothing but the gate in front of it knows. */
  readonly hiddenUi: { readonly ip: string; readonly port: number };
}

/**
 * Free ports for the server of `dataDir`: those that are `wanted`, else those it had at its first start, else some of its
 * own; upwards from there where another process has one.
 */
export async function choosePorts(
  dataDir: string,
  wanted: { readonly grpc?: number; readonly ui?: number } | undefined,
): Promise<EmbeddedPorts> {
  // What was given out lately is kept back from others of this process, but not from who asks for it by name.
  const kept = wanted ?? readPorts(dataDir);
  if (kept) clearLockedPorts();
  const grpc = await freeFrom(kept?.grpc ?? ownPort(dataDir));
  // At the same distance: processes that start at the same moment do not meet there either.
  const ui = await freeFrom(kept?.ui ?? grpc + UI_ABOVE);
  const ip = await hiddenAddress();
  return { grpc, ui, hiddenUi: { ip, port: await getPort({ host: ip }) } };
}

/** Remembers the ports of the first start; later ones that had to go elsewhere change nothing. */
export function keepPorts(dataDir: string, { grpc, ui }: PortPair): void {
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

/** Where a home begins to look: two homes that take turns do not take each other's. */
function ownPort(dataDir: string): number {
  if (dataDir === join(homedir(), '.subagents', 'temporal')) return DEFAULT_GRPC;
  const hash = createHash('sha256').update(dataDir).digest().readUInt32BE();
  return DEFAULT_GRPC + 1 + (hash % OTHER_HOMES);
}

/** A loopback address that a web page cannot guess; where the system has but one (macOS), that. */
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
