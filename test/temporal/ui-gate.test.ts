/** What a web page can reach of an embedded server, by raw HTTP: nothing. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { Client } from '@temporalio/client';
import { execa } from 'execa';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyOf, newRing, ringText } from '../../src/keys/key-ring.ts';
import { Keys } from '../../src/keys/keys.ts';
import { encryptPayload } from '../../src/temporal/encryption.ts';
import { UiAccess, type UiEncryption } from '../../src/temporal/ui/access.ts';
import { openUiGate, type UiGateOptions } from '../../src/temporal/ui/gate.ts';
import { launchChromium, WITHOUT_CHROMIUM } from '../support/chromium.ts';
import { testServer, type TestServer } from '../support/embedded.ts';
import { temporaryFolder } from '../support/home.ts';

let server: TestServer;
let port: number;
beforeAll(async () => {
  server = await testServer();
  port = Number(new URL(server.uiUrl).port);
  const options = { workflowId: 'there', taskQueue: 'nobody' };
  await new Client({ connection: server.connection }).workflow.start('any', options);
});
afterAll(() => server?.[Symbol.asyncDispose]());

const NAMESPACES = '/api/v1/namespaces';

/** What is answered to these lines, as they are. */
async function raw(to: number, ...lines: readonly string[]): Promise<string> {
  const socket = connect(to, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  // The other side may hang up before all of it is written.
  return text(socket).catch(() => '');
}
const get = (host: string, path = NAMESPACES, ...more: readonly string[]): Promise<string> =>
  raw(port, `GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...more);

describe('the Web UI', () => {
  test.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])(
    'answers to %s, with any port',
    async (host) => {
      expect(await get(`${host}:${port}`)).toMatch(/^HTTP\/1\.1 200 [^]*"namespaces"/);
      // The near end of a tunnel.
      expect(await get(`${host}:9000`)).toMatch(/^HTTP\/1\.1 200 /);
      expect(await get(host, '/')).toMatch(/^HTTP\/1\.1 200 [^]*<html/);
    },
  );

  test('passes on what a GET has in its body', async () => {
    const body = 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n';
    const lines = [`GET ${NAMESPACES} HTTP/1.1`, 'Host: localhost', `Content-Length: ${body.length}`];
    expect(await raw(port, ...lines, 'Connection: close', '', body)).toMatch(
      /^HTTP\/1\.1 200 [^]*"namespaces"/,
    );
    expect(await get('localhost')).toMatch(/^HTTP\/1\.1 200 [^]*"namespaces"/);
  });

  test('has a page that shows our columns, for the same callers alone', async () => {
    const page = await get(`localhost:${port}`, '/subagents?namespace=default');
    expect(page).toMatch(
      /^HTTP\/1\.1 200 [^]*content-security-policy: default-src 'none'[^]*SubagentsStatus/i,
    );
    expect(await get('evil.example', '/subagents')).toMatch(/^HTTP\/1\.1 403 /);
  });

  test.skipIf(WITHOUT_CHROMIUM)('shows our columns in a browser that has chosen none', async () => {
    const browser = await launchChromium();
    try {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`${server.uiUrl}/subagents?namespace=default`);
      await page.getByRole('columnheader', { name: 'SubagentsStatus' }).waitFor();
      await page.getByRole('columnheader', { name: 'Workflow ID' }).waitFor();
      expect(await page.getByRole('columnheader', { name: 'Run ID' }).count()).toBe(0);
      expect(new URL(page.url()).pathname).toBe('/namespaces/default/workflows');
      // What somebody has chosen stays.
      const chosen = JSON.stringify({ default: [{ label: 'Run ID' }, { label: 'Workflow ID' }] });
      await page.evaluate(
        `localStorage.setItem('namespace-workflow-table-columns', ${JSON.stringify(chosen)})`,
      );
      await page.goto(`${server.uiUrl}/subagents`);
      await page.getByRole('columnheader', { name: 'Run ID' }).waitFor();
      expect(await page.getByRole('columnheader', { name: 'SubagentsStatus' }).count()).toBe(0);
    } finally {
      await browser.close();
    }
  });

  test.each([
    ['another name', 'evil.example'],
    ['one that ends alike', 'evil.localhost.example'],
    ['one that begins alike', '127.0.0.1.evil.example'],
    ['one with a user', 'localhost@evil.example'],
    ['a name for every address', '127.0.0.1.nip.io'],
    ['the address of all', '0.0.0.0'],
    ['none', ''],
  ])('refuses %s', async (_what, host) => {
    const answer = await get(host === '' ? '' : `${host}:${port}`);
    expect(answer).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(answer).not.toContain('"namespaces"');
    expect(answer).not.toMatch(/set-cookie/i);
  });

  test('refuses two names, a name in the target, and no name', async () => {
    const own = `Host: localhost:${port}`;
    const end = 'Connection: close';
    const answers = await Promise.all([
      raw(port, `GET ${NAMESPACES} HTTP/1.1`, own, 'Host: evil.example', end),
      raw(port, `GET http://evil.example${NAMESPACES} HTTP/1.1`, own, end),
      raw(port, `GET ${NAMESPACES} HTTP/1.0`, end),
    ]);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 40[03] /);
  });

  test.each(['http://evil.example', 'null', 'http://localhost:3000', 'https://localhost'])(
    'takes nothing from a page of %s',
    async (origin) => {
      expect(await get(`localhost:${port}`, NAMESPACES, `Origin: ${origin}`)).toMatch(/^HTTP\/1\.1 403 /);
    },
  );

  test('takes what its own page sends', async () => {
    const host = `127.0.0.1:${port}`;
    const page = await get(host, '/', `Origin: http://${host}`);
    const token = /_csrf=([^;]+)/.exec(page)?.[1] ?? '';
    const body = JSON.stringify({ signalName: 'hello' });
    const signal = (...more: readonly string[]): Promise<string> =>
      raw(
        port,
        `POST /api/v1/namespaces/default/workflows/there/signal/hello HTTP/1.1`,
        ...[`Host: ${host}`, `Origin: http://${host}`, `Cookie: _csrf=${token}`, 'Connection: close'],
        ...[...more, 'Content-Type: application/json', `Content-Length: ${body.length}`, '', body],
      );
    expect(await signal(`X-CSRF-Token: ${token}`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await signal()).toMatch(/^HTTP\/1\.1 40[03] /);
  });
});

test('no other port of the server takes HTTP from a page, whatever name it says', async () => {
  const ports = await listeningPorts(server.pid);
  expect(ports.length).toBeGreaterThan(3);
  for (const each of ports)
    for (const host of ['localhost', '127.0.0.1', 'evil.example', '']) {
      const lines = [`Host: ${host}`, 'Content-Type: text/plain', 'Connection: close', 'Content-Length: 2'];
      const answers = await Promise.all([
        raw(each, `GET ${NAMESPACES} HTTP/1.1`, ...lines.slice(0, 1), 'Connection: close'),
        raw(each, `POST ${NAMESPACES}/default/workflows/there/signal/hello HTTP/1.1`, ...lines, '', '{}'),
      ]);
      // gRPC says something that is no HTTP/1.1 answer.
      for (const answer of answers) expect(answer).not.toMatch(/^HTTP\/1\.1 2/);
    }
});

/** Ports on 127.0.0.1 of process `pid`: the only address that a page can guess. */
async function listeningPorts(pid: number): Promise<number[]> {
  const { stdout: links } = await execa('ls', ['-l', `/proc/${pid}/fd`]);
  const inodes = new Set([...links.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode));
  const { stdout: table } = await execa('cat', ['/proc/net/tcp']);
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state, , , , , , inode]) => {
      return local?.startsWith('0100007F:') && state === '0A' && inodes.has(inode ?? '');
    })
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
}

test('a page that is asked for while the UI still starts is given once it answers', async () => {
  const upstream = { ip: '127.0.0.1', port: await getPort() };
  await using gate = await openGate(upstream);
  const page = fetch(`${gate.url}/`);
  const late = createServer((_, answer) => answer.end('here'));
  late.listen(upstream.port, upstream.ip);
  await once(late, 'listening');
  expect(await (await page).text()).toBe('here');
  late.close();
});

describe('where messages are encrypted', () => {
  const ring = newRing('refused');
  const key = keyOf(ring, ring.current)!;
  const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"readable"') };
  const { metadata, data } = encryptPayload(payload, key, 'default\none');
  const encoding = Buffer.from(metadata!['encoding']!).toString('base64');
  const json = JSON.stringify({
    result: { metadata: { encoding }, data: Buffer.from(data!).toString('base64') },
  });
  const PATH = '/api/v1/namespaces/default/workflows/one';

  /** What the gate makes of what the Web UI answers to `PATH`. */
  async function through(answers: (answer: ServerResponse, incoming: IncomingMessage) => void) {
    const upstream = createServer((incoming, answer) => answers(answer, incoming));
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    await using folder = await temporaryFolder();
    const env = { RING: ringText(ring) };
    const keys = await Keys.read({ kind: 'env', name: 'RING', env });
    const access = new UiAccess(folder.path);
    const at = { ip: '127.0.0.1', port: (upstream.address() as AddressInfo).port };
    await using gate = await openGate(at, { keys, access, namespace: 'default' });
    const { port } = new URL(gate.url);
    const cookie = `a=b; ${access.setCookie(Number(port)).split(';')[0] ?? ''}`;
    const answer = await fetch(`${gate.url}${PATH}`, { headers: { cookie } });
    const body = await answer.text();
    upstream.close();
    return { status: answer.status, body };
  }
  const JSON_TYPE = { 'content-type': 'application/json' };

  test('an answer in parts is read whole; the Web UI is neither told the cookie nor asked to compress', async () => {
    let headers: IncomingHttpHeaders = {};
    const { status, body } = await through((answer, incoming) => {
      ({ headers } = incoming);
      answer.writeHead(200, JSON_TYPE);
      for (let at = 0; at < json.length; at += 50) answer.write(json.slice(at, at + 50));
      answer.end();
    });
    expect({ status, json: JSON.parse(body) as unknown }).toEqual({
      status: 200,
      json: {
        result: {
          metadata: { encoding: Buffer.from('json/plain').toString('base64') },
          data: Buffer.from('"readable"').toString('base64'),
        },
      },
    });
    expect(headers.cookie).toBe('a=b');
    expect(headers['accept-encoding']).toBeUndefined();
  });

  test('what is compressed, and what is no JSON, stays as it is', async () => {
    const compressed = await through((answer) => {
      answer.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' });
      answer.end(gzipSync(json));
    });
    expect(compressed).toEqual({ status: 200, body: json });
    const other = await through((answer) => {
      answer.writeHead(200, { 'content-type': 'text/plain' });
      answer.end(json);
    });
    expect(other).toEqual({ status: 200, body: json });
  });

  test('an answer that is too large, or broken, is refused', async () => {
    const large = await through((answer) => {
      answer.writeHead(200, JSON_TYPE);
      answer.end(`"${'x'.repeat(64 * 1024 * 1024)}"`);
    });
    expect(large.status).toBe(502);
    const broken = await through((answer) => answer.writeHead(200, JSON_TYPE).end(json.slice(0, -1)));
    expect(broken).toEqual({
      status: 502,
      body: 'The Temporal Web UI of subagents: what it answers cannot be decrypted.\n',
    });
  });
});

async function openGate(upstream: UiGateOptions['upstream'], encryption?: UiEncryption) {
  const gate = await openUiGate({ ip: '127.0.0.1', port: await getPort(), upstream, encryption });
  return { url: gate.url, [Symbol.asyncDispose]: () => gate.close() };
}
