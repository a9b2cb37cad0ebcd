/** The production Temporal server, built from source, on PostgreSQL, with the files of `deploy/` as docker-compose.yml uses them. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import getPort, { portNumbers } from 'get-port';
import { ensureTemporalBinary } from '../../src/temporal/binary.ts';
import type { EmbeddedServer } from '../../src/temporal/embedded/server.ts';
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
      SQL_HOST: LOOPBACK,
      SQL_PORT: String(port),
      SQL_USER: user,
      SQL_PASSWORD: password,
    },
  });
}

/** Makes the namespace and its search attributes with `deploy/namespace.sh`, as the service `namespace` does. */
export async function makeNamespace(address: string): Promise<void> {
  const { path } = await ensureTemporalBinary({ onProgress: () => undefined });
  await execa(join(DEPLOY, 'namespace.sh'), {
    env: {
      PATH: `${dirname(path)}:${process.env['PATH']}`,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: 'default',
      RETENTION: '30d',
    },
  });
}

/** The ports of one server: a restart has the same, as a container has. */
export type ServerPorts = Readonly<Record<(typeof PORTS)[number], string>>;
const PORTS = [
  ...(['FRONTEND_GRPC_PORT', 'FRONTEND_HTTP_PORT', 'FRONTEND_MEMBERSHIP_PORT'] as const),
  ...(['HISTORY_GRPC_PORT', 'HISTORY_MEMBERSHIP_PORT'] as const),
  ...(['MATCHING_GRPC_PORT', 'MATCHING_MEMBERSHIP_PORT'] as const),
  ...(['WORKER_GRPC_PORT', 'WORKER_MEMBERSHIP_PORT'] as const),
] as const;

/** Free ports, below 32768: the schema keeps those of the members as a smallint. */
export async function serverPorts(): Promise<ServerPorts> {
  const first = 10_000 + Math.floor(Math.random() * 20_000);
  const free = () => getPort({ host: LOOPBACK, port: portNumbers(first, 32_767) });
  const chosen = await Promise.all(PORTS.map(async (name) => [name, String(await free())] as const));
  return Object.fromEntries(chosen) as ServerPorts;
}

/** Starts the server on a database that has its schema. */
export async function startServer(
  { folder, config }: ServerPrograms,
  postgres: Postgres,
  ports: ServerPorts,
): Promise<EmbeddedServer> {
  const address = `${LOOPBACK}:${ports.FRONTEND_GRPC_PORT}`;
  const arguments_ = ['--root', dirname(config), '--env', 'docker', 'start'];
  const child = execa(join(folder, 'temporal-server'), arguments_, {
    env: {
      DB: 'postgres12',
      DB_PORT: String(postgres.port),
      POSTGRES_SEEDS: LOOPBACK,
      POSTGRES_PORT: String(postgres.port),
      POSTGRES_USER: postgres.user,
      POSTGRES_PWD: postgres.password,
      DYNAMIC_CONFIG_FILE_PATH: join(DEPLOY, 'dynamic-config.yaml'),
      LOG_LEVEL: 'error',
      BIND_ON_IP: LOOPBACK,
      TEMPORAL_BROADCAST_ADDRESS: LOOPBACK,
      PUBLIC_FRONTEND_ADDRESS: address,
      ...ports,
    },
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
  });
  let log = '';
  child.all.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-8_000)));
  const exited = child.then(({ exitCode, signal }) => ({ exitCode, signal }));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM', undefined);
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(late);
  };
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`the server ended:\n${log}`);
      return answers(address);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    namespace: 'default',
    uiUrl: '',
    identity: { namespaceId: '' },
    pid: child.pid ?? 0,
    exited,
    stop,
  };
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
