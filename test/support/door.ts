/** A way to a server that can be shut: what stands in for a network that goes away and comes back. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Door extends AsyncDisposable {
  /** `host:port`, the same for as long as it lives. */
  readonly address: string;
  /** Cuts every connection, and refuses new ones. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

/** An open door to the server at `address`. */
export async function doorTo(address: string): Promise<Door> {
  const [host, port] = address.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((caller) => {
    const onward = connect(Number(port), host);
    for (const socket of [caller, onward]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    caller.pipe(onward).pipe(caller);
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  const shut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(0);
  const own = (server.address() as AddressInfo).port;
  return { address: `127.0.0.1:${own}`, shut, open: () => listen(own), [Symbol.asyncDispose]: shut };
}
