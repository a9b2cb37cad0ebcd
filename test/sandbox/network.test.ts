/** The proxy of a sandbox: what it connects to, what it refuses and counts. */
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NetworkProxy } from '../../src/sandbox/network/proxy.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/home.ts';

let server: Server;
let port: number;
let folder: TemporaryFolder;
const seen: string[] = [];
beforeAll(async () => {
  folder = await temporaryFolder();
  server = createServer((request, response) => {
    seen.push(
      `${request.method} ${request.url} ${request.headers.host} ${request.headers['proxy-authorization']}`,
    );
    response.end('inside');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await folder?.[Symbol.asyncDispose]();
});

let nth = 0;
/** A proxy, and `curl` through it. */
async function proxied(network: string, name = `s${nth++}`) {
  const at = join(folder.path, name);
  const proxy = await NetworkProxy.open(at, network);
  return {
    proxy,
    socket: join(at, 'proxy'),
    [Symbol.dispose]: () => proxy.close(),
    get: async (url: string, ...more: string[]) => {
      const relay = ['-s', '--max-time', '20', '--noproxy', '', '-w', '\n%{http_code} %{http_connect}'];
      // Whoever connects has no way around the limit of a path.
      const short = join(folder.path, `l${nth++}`);
      symlinkSync(at, short);
      await using bridge = await bridged(join(short, 'proxy'));
      const { stdout } = await execa(
        'curl',
        [...relay, '-x', `http://127.0.0.1:${bridge.port}`, ...more, url],
        { reject: false },
      );
      return stdout.trim();
    },
  };
}

/** A port that leads to the socket, as the sandbox has it. */
async function bridged(socket: string): Promise<AsyncDisposable & { port: number }> {
  const { createServer: listen } = await import('node:net');
  const bridge = listen((client) => {
    const up = connect(socket);
    up.on('error', () => client.destroy());
    client.on('error', () => up.destroy());
    client.pipe(up).pipe(client);
  });
  await new Promise<void>((resolve) => bridge.listen(0, '127.0.0.1', resolve));
  return {
    port: (bridge.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => void bridge.close(),
  };
}

it('connects to a host and port of its list, by HTTP and through a tunnel', async () => {
  using one = await proxied(`127.0.0.1:${port}`);
  expect(await one.get(`http://127.0.0.1:${port}/a?b=c`, '-U', 'user:secret')).toBe('inside\n200 000');
  expect(await one.get(`http://127.0.0.1:${port}/t`, '-p')).toBe('inside\n200 200');
  expect(seen).toEqual([`GET /a?b=c 127.0.0.1:${port} undefined`, `GET /t 127.0.0.1:${port} undefined`]);
  expect([...one.proxy.refused]).toEqual([]);
});

it.each([
  ['all', 'an address of this machine'],
  ['127.0.0.1', 'one that is named without its port'],
  ['localhost', 'another name of it'],
  ['127.0.0.1:1', 'another port'],
  ['*.0.0.1', 'a rule for names'],
])('with %s does not connect to %s', async (network) => {
  using one = await proxied(network);
  const before = seen.length;
  expect(await one.get(`http://127.0.0.1:${port}/`)).toMatch(
    /^subagents: 127\.0\.0\.1:\d+ cannot be reached from here: .*\n\n403 000$/,
  );
  expect(await one.get(`http://127.0.0.1:${port}/`, '-p')).toBe('000 403');
  expect(seen).toHaveLength(before);
  expect([...one.proxy.refused]).toEqual([[`127.0.0.1:${port}`, 2]]);
});

it.each([
  'http://localhost:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://0.0.0.0:PORT/',
  'http://2130706433:PORT/',
  'http://127.1:PORT/',
  'http://169.254.169.254/latest/meta-data/',
  'http://0x7f.1:PORT/',
])('resolves names itself: with all, %s is no way to this machine', async (url) => {
  using one = await proxied('all');
  const before = seen.length;
  const whole = url.replace('PORT', String(port));
  expect(await one.get(whole)).toMatch(/\n403 000$/);
  expect(await one.get(whole, '-p')).toBe('000 403');
  expect(seen).toHaveLength(before);
});

it('answers what is no request for a proxy, and goes on', async () => {
  using one = await proxied(`127.0.0.1:${port}`);
  const answer = (text: string) =>
    new Promise<string>((resolve) => {
      let said = '';
      const client = connect(one.socket, () => client.end(text));
      client.on('data', (piece) => (said += piece.toString()));
      client.on('close', () => resolve(said.split('\r\n')[0] ?? ''));
      client.on('error', () => resolve('reset'));
    });
  expect(await answer('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('HTTP/1.1 400 Bad Request');
  expect(await answer('GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('HTTP/1.1 400 Bad Request');
  expect(await answer('CONNECT nothing HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('HTTP/1.1 400 Bad Request');
  expect(await answer('\0\0\0 garbage\r\n\r\n')).toBe('');
  expect(await one.get(`http://127.0.0.1:${port}/again`)).toBe('inside\n200 000');
});

it('says why where a host does not answer, and is open again after a worker’s restart, in a folder of any length', async () => {
  const long = 'x'.repeat(120);
  {
    using one = await proxied('127.0.0.1:9', long);
    expect(await one.get('http://127.0.0.1:9/')).toMatch(
      /^subagents: connect ECONNREFUSED 127\.0\.0\.1:9\n\n502 000$/,
    );
  }
  using again = await proxied(`127.0.0.1:${port}`, long);
  expect(await again.get(`http://127.0.0.1:${port}/`)).toBe('inside\n200 000');
  expect(statSync(join(folder.path, long)).mode & 0o777).toBe(0o700);
});
