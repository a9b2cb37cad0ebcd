/** The production Temporal server, built from source, on PostgreSQL, with the files of `deploy/` as docker-compose.yml uses them. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import getPort from 'get-port';
import { ensureTemporalBinary } from '../../src/temporal/binary.ts';
import type { EmbeddedServer } from '../../src/temporal/embedded.ts';
import { eventually } from '../support/eventually.ts';
import type { Postgres } from './postgres.ts';

/** The version of the images in docker-compose.yml. */
export const SERVER_VERSION = '1.29.1';
const MODULE = `go.temporal.io/server@v${SERVER_VERSION}`;
const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
const LOOPBACK = '127.0.0.1';

/** The programs of the server. */
export interface ServerPrograms {
  readonly folder: string;
  /** The folder of the configuration that the image has as /etc/temporal/config. */
  readonly config: string;
}

/** Builds `temporal-server` and `temporal-sql-tool` once on this machine (3 to 10 minutes on 2 cores). */
export async function buildServer(): Promise<ServerPrograms> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'durable-subagents', `temporal-server-${SERVER_VERSION}`);
  const build = async (program: string, name: string): Promise<void> => {
    if (existsSync(join(folder, name))) return;
    const env = { GOBIN: join(folder, 'build') };
    await execa('go', ['install', '-ldflags=-s -w', `go.temporal.io/server/${program}@v${SERVER_VERSION}`], {
      env,
    });
    await execa('mv', [join(folder, 'build', program.split('/').at(-1) ?? ''), join(folder, name)]);
  };
  await build('cmd/server', 'temporal-server');
  await build('cmd/tools/sql', 'temporal-sql-tool');
  const { stdout } = await execa('go', ['mod', 'download', '-json', MODULE]);
  return { folder, config: join((JSON.parse(stdout) as { Dir: string }).Dir, 'config') };
}

/** Makes the databases with `deploy/schema.sh`, as the service `schema` does. */
export async function makeSchema({ folder }: ServerPrograms, postgres: Postgres): Promise<void> {
  const { port, user, password } = postgres;
  await execa(join(DEPLOY, 'schema.sh'), {
    env: {
      PATH: `${folder}:${process.env['PATH']}`,
      ...{ SQL_HOST: LOOPBACK, SQL_PORT: String(port), SQL_USER: user, SQL_PASSWORD: password },
    },
  });
}

/** Makes the namespace and its search attributes with `deploy/namespace.sh`, as the service `namespace` does. */
export async function makeNamespace(address: string): Promise<void> {
  const { path } = await ensureTemporalBinary({ onProgress: () => undefined });
  await execa(join(DEPLOY, 'namespace.sh'), {
    env: {
      PATH: `${dirname(path)}:${process.env['PATH']}`,
      ...{ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default', RETENTION: '30d' },
    },
  });
}

/** Starts the server; the same `port` again after a restart. Disposing of the database is the caller's. */
export async function startServer(
  { folder, config }: ServerPrograms,
  postgres: Postgres,
  port?: number,
): Promise<EmbeddedServer> {
  const free = async (): Promise<string> => String(await getPort({ host: LOOPBACK }));
  const grpc = port === undefined ? await free() : String(port);
  const address = `${LOOPBACK}:${grpc}`;
  const child = execa(
    join(folder, 'temporal-server'),
    ['--root', dirname(config), '--env', 'docker', 'start'],
    {
      env: {
        ...{ DB: 'postgres12', DB_PORT: String(postgres.port), POSTGRES_SEEDS: LOOPBACK },
        ...{
          POSTGRES_PORT: String(postgres.port),
          POSTGRES_USER: postgres.user,
          POSTGRES_PWD: postgres.password,
        },
        DYNAMIC_CONFIG_FILE_PATH: join(DEPLOY, 'dynamic-config.yaml'),
        LOG_LEVEL: 'error',
        // One machine, loopback, ports of its own.
        ...{ BIND_ON_IP: LOOPBACK, TEMPORAL_BROADCAST_ADDRESS: LOOPBACK, PUBLIC_FRONTEND_ADDRESS: address },
        ...{
          FRONTEND_GRPC_PORT: grpc,
          FRONTEND_HTTP_PORT: await free(),
          FRONTEND_MEMBERSHIP_PORT: await free(),
        },
        ...{ HISTORY_GRPC_PORT: await free(), HISTORY_MEMBERSHIP_PORT: await free() },
        ...{ MATCHING_GRPC_PORT: await free(), MATCHING_MEMBERSHIP_PORT: await free() },
        ...{ WORKER_GRPC_PORT: await free(), WORKER_MEMBERSHIP_PORT: await free() },
      },
      stdio: ['ignore', 'ignore', 'inherit'],
      reject: false,
    },
  );
  const exited = child.then(({ exitCode, signal }) => ({ exitCode, signal }));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM', undefined);
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(late);
  };
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
      return answers(address);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, namespace: 'default', uiUrl: '', pid: child.pid ?? 0, exited, stop };
}

async function answers(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1_000 });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}
