/**
 * A bucket of a real service that speaks S3: versitygw, built once on this machine from the Go module proxy, on a folder.
 * Its tests are skipped where it cannot be built, except in CI, where that is a failure.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import getPort from 'get-port';
import { it as always, type TestAPI } from 'vitest';
import { eventually } from './eventually.ts';
import { temporaryFolder } from './home.ts';

const VERSION = '1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`;
const FOLDER = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'durable-subagents',
  `versitygw-${VERSION}`,
);
const PROGRAM = join(FOLDER, 'versitygw');
const LOOPBACK = '127.0.0.1';

const able =
  process.env['CI'] !== undefined ||
  existsSync(PROGRAM) ||
  execaSync('go', ['version'], { reject: false }).exitCode === 0;
if (!able) console.warn(`skipped: ${PROGRAM} is missing, and there is no Go to build it`);

/** As `it` of Vitest. */
export const it = always.skipIf(!able) as TestAPI;

/** A running service with one bucket. */
export interface Bucket extends AsyncDisposable {
  readonly endpoint: string;
  /** The folder that has the objects as files. */
  readonly folder: string;
  /** What a client needs in its environment for the store in the bucket. @param endpoint of a proxy, if not its own */
  env(endpoint?: string): Readonly<Record<string, string>>;
}

/** Starts the service: `await using bucket = await startBucket()`. */
export async function startBucket(): Promise<Bucket> {
  await build();
  const root = await temporaryFolder();
  const [data, meta] = [join(root.path, 'data'), join(root.path, 'meta')];
  const folder = join(data, 'fleet');
  for (const each of [folder, meta]) await mkdir(each, { recursive: true });
  const port = await getPort({ host: LOOPBACK });
  const endpoint = `http://${LOOPBACK}:${port}`;
  const [access, secret] = ['test-access', 'test-secret'];
  const where = ['--port', `${LOOPBACK}:${port}`, '--quiet'];
  // Attributes of files are not to be had on every file system.
  const child = execa(
    PROGRAM,
    [...where, '--access', access, '--secret', secret, 'posix', '--sidecar', meta, data],
    { stdin: 'ignore', all: true, reject: false, buffer: false },
  );
  let log = '';
  child.all.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await child;
    await root[Symbol.asyncDispose]();
  };
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`versitygw ended:\n${log}`);
      return fetch(endpoint).then(
        () => true,
        () => false,
      );
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    folder,
    env: (of = endpoint) => ({
      SUBAGENTS_STORE: 's3://fleet/team',
      AWS_ENDPOINT_URL_S3: of,
      AWS_ACCESS_KEY_ID: access,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_REGION: 'us-east-1',
    }),
    [Symbol.asyncDispose]: stop,
  };
}

async function build(): Promise<void> {
  if (existsSync(PROGRAM)) return;
  const built = join(FOLDER, 'build');
  await execa('go', ['install', '-ldflags=-s -w', MODULE], { env: { GOBIN: built } });
  await rename(join(built, 'versitygw'), PROGRAM);
}
