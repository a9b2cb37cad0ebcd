/** A host that ssh does not know: it shows its key, about which ssh asks, and nothing comes after that. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { spawnSync } from 'node:child_process';

export interface SshHost extends Disposable {
  readonly port: number;
}

/** Whether this machine has the programs of OpenSSH. */
export const hasSsh = spawnSync('ssh', ['-V']).status === 0;

/** What a host says first and after the client's first message (RFC 4253, 4.2 and 7.1; RFC 5656, 4); signed is nothing of it. */
export async function startSshHost(): Promise<SshHost> {
  const algorithms = ['curve25519-sha256', 'ssh-ed25519', 'aes128-ctr', 'aes128-ctr']
    .concat(['hmac-sha2-256', 'hmac-sha2-256', 'none', 'none', '', ''])
    .map(text);
  const hello = packet(Buffer.from([20]), Buffer.alloc(16), ...algorithms, Buffer.alloc(5));
  const key = Buffer.concat([text('ssh-ed25519'), text(Buffer.alloc(32, 1))]);
  const signature = Buffer.concat([text('ssh-ed25519'), text(Buffer.alloc(64))]);
  const answer = packet(Buffer.from([31]), text(key), text(Buffer.alloc(32, 9)), text(signature));
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('SSH-2.0-test\r\n');
    socket.write(hello);
    socket.write(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return { port, [Symbol.dispose]: () => void server.close() };
}

/** Bytes with their length before them. */
function text(bytes: string | Buffer): Buffer {
  const content = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}

/** A message with its lengths, padded to a multiple of 8. */
function packet(...parts: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(parts);
  const fill = 4 + ((8 - ((payload.length + 9) % 8)) % 8);
  return text(Buffer.concat([Buffer.from([fill]), payload, Buffer.alloc(fill)]));
}
