/** A git server over http or https on loopback: git's own `http-backend`, as CGI. */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { execa } from 'execa';

export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, or `https://`; repositories lie below it, by their folders' names. */
  readonly url: string;
}

/**
 * Serves the repositories of `root`.
 * @param password asked of everyone for everything; default: nobody is asked, and pushing is as the repository has it.
 * @param tls its key and certificate, for https.
 */
export async function serveGit(
  root: string,
  password?: string,
  tls?: { readonly key: string; readonly cert: string },
): Promise<GitServer> {
  const { stdout } = await execa('git', ['--exec-path']);
  const serve: RequestListener = (request, response) => {
    if (password !== undefined && passwordOf(request) !== password) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const [path = '/', query = ''] = (request.url ?? '/').split('?');
    const child = spawn(`${stdout}/git-http-backend`, [], {
      env: {
        PATH: process.env['PATH'],
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: decodeURIComponent(path),
        QUERY_STRING: query,
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        HTTP_GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        ...(request.headers['content-length'] && { CONTENT_LENGTH: request.headers['content-length'] }),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(child.stdin);
    child.stdin.on('error', () => undefined);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf('\r\n\r\n');
      const lines = answer.subarray(0, end).toString().split('\r\n');
      const headers = lines.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]);
      const status = Number(headers.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200);
      response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
      response.end(answer.subarray(end + 4));
    });
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function passwordOf({ headers }: IncomingMessage): string | undefined {
  const [, encoded = ''] = (headers.authorization ?? '').split('Basic ');
  return Buffer.from(encoded, 'base64').toString().split(':')[1];
}
