/** Reads the request metrics of the benchmark's server; works on Linux only. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { markedProcesses } from './processes.ts';

/** Requests by operation, without long polls, of which a worker always has some open. */
export type Requests = ReadonlyMap<string, number>;

const COUNTED = /^service_requests\{([^}]*)\} (\S+)$/gm;
const LISTENING = '0A';

/** @param folder the mark of the benchmark's processes */
export async function serverRequests(folder: string): Promise<Requests> {
  const requests = new Map<string, number>();
  for (const [, labels = '', count] of (await metrics(folder)).matchAll(COUNTED)) {
    const operation = /operation="(\w+)"/.exec(labels)?.[1] ?? '';
    if (!labels.includes('service_name="frontend"') || operation.startsWith('Poll')) continue;
    requests.set(operation, (requests.get(operation) ?? 0) + Number(count));
  }
  return requests;
}

/** Finds the metrics endpoint, for which the server picks a random port. */
async function metrics(folder: string): Promise<string> {
  const inodes = new Set(markedProcesses(folder).flatMap(({ pid }) => socketsOf(pid)));
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const port = Number.parseInt(local.split(':')[1] ?? '', 16);
    if (state !== LISTENING || !inodes.has(inode)) continue;
    const text = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.text(),
      () => '',
    );
    if (text.includes('service_requests')) return text;
  }
  throw new Error('the server shows no metrics');
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}
