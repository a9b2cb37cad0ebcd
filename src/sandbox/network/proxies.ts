/** The proxies of this process, one for each sandbox with a network. */
import type { Denial } from '../../contract/index.ts';
import { denialsSince } from '../denials-since.ts';
import type { Walls } from '../walls.ts';
import { NetworkProxy } from './proxy.ts';

const proxies = new Map<string, NetworkProxy>();
const opening = new Map<string, Promise<void>>();

/**
 * Opens the way out of a sandbox, if it may have one and none is open yet. It stays open as long as this process lives:
 * what may be reached does not change.
 * @throws the error of the socket
 */
export async function openNetwork({ network }: Walls): Promise<void> {
  if (network === undefined || proxies.has(network.folder)) return;
  const { folder, hosts } = network;
  const begun =
    opening.get(folder) ??
    NetworkProxy.open(folder, hosts).then((proxy) => {
      proxies.set(folder, proxy);
    });
  opening.set(folder, begun);
  try {
    await begun;
  } finally {
    opening.delete(folder);
  }
}

/** Begins to count the connections that the network of a sandbox refuses; see `denialsSince`. */
export const countRefusals = ({ network }: Walls): (() => Denial[]) =>
  denialsSince(() =>
    [...(proxies.get(network?.folder ?? '')?.refused ?? [])].map(([what, count]) => ({
      tool: 'network',
      what,
      count,
    })),
  );

/** Closes the way out of the sandbox with this folder for its socket. */
export function closeNetwork(folder: string): void {
  proxies.get(folder)?.close();
  proxies.delete(folder);
}
