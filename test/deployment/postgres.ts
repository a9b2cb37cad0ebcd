/** A real PostgreSQL for one test file, on loopback, with its data in a folder of its own. */
import { chown, readdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import getPort from 'get-port';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/home.ts';

export interface Postgres extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** The folder with `initdb` and `postgres`: on PATH, else where Debian puts them; undefined where there is none. */
export async function postgresPrograms(): Promise<string | undefined> {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? await readdir(debian) : [];
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a)).map((each) => join(debian, each, 'bin'));
  // The folder on PATH may hold links to some of them only, so Debian's own comes first.
  return [...newestFirst, ...(process.env['PATH'] ?? '').split(delimiter)].find((folder) =>
    ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))),
  );
}

/** Starts one from the programs in `folder`. */
export async function startPostgres(folder: string): Promise<Postgres> {
  const place = await temporaryFolder();
  const user = 'temporal';
  const password = 'only-for-a-test';
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  if (account.uid !== undefined) await chown(place.path, account.uid, account.gid);
  const data = join(place.path, 'data');
  const passwordFile = join(place.path, 'password');
  await writeFile(passwordFile, password, { mode: 0o644 });
  const authentication = ['-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  await execa(
    join(folder, 'initdb'),
    ['-D', data, '-U', user, '-E', 'UTF8', '--locale=C', ...authentication],
    account,
  );
  const port = await getPort({ host: '127.0.0.1' });
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    `unix_socket_directories=${place.path}`,
    'fsync=off',
  ];
  const server = execa(join(folder, 'postgres'), ['-D', data, ...settings.flatMap((each) => ['-c', each])], {
    ...account,
    reject: false,
    stdio: ['ignore', 'ignore', 'pipe'],
    buffer: false,
  });
  let log = '';
  server.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await eventually(() => {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended:\n${log}`);
    return log.includes('ready to accept connections');
  });
  return {
    port,
    user,
    password,
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGINT'); // "fast shutdown"
      await server;
      await place[Symbol.asyncDispose]();
    },
  };
}
