/** Everything real, for one test file: a Temporal server, a worker process from dist/, Copilot CLI, a repository; only the model is scripted. */
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { Subagents, type ConnectOptions } from '../../src/client/index.ts';
import { DEFAULT_POOL } from '../../src/contract/index.ts';
import { homeRingPath } from '../../src/keys/key-source.ts';
import { ringText, type KeyRing } from '../../src/keys/key-ring.ts';
import { writeDurableFile } from '../../src/system/files.ts';
import { isAlive, processStartTime } from '../../src/system/process.ts';
import { startEmbedded, type EmbeddedServer } from '../../src/temporal/embedded/server.ts';
import { accountFor } from './account.ts';
import { temporaryFolder } from './home.ts';
import { startScriptedModel, type Scenario, type ScriptedModel } from './model.ts';
import { ownPorts } from './ports.ts';
import { NO_GIT_CONFIGURATION, temporaryRepository, type Repository } from './repository.ts';

const WORKER = fileURLToPath(new URL('../../dist/src/worker/main.bundle.js', import.meta.url));

/** A worker process. */
interface WorkerProcess {
  readonly pid: number;
  readonly workerId: string;
  /** SIGTERM; waits until it is gone. It interrupts its turns. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would; waits until it is gone. */
  kill(): Promise<void>;
}

export interface Fleet extends AsyncDisposable {
  readonly model: ScriptedModel;
  readonly repository: Repository;
  /** The worker's home. */
  readonly home: string;
  readonly server: EmbeddedServer;
  /** The newest worker. */
  readonly worker: WorkerProcess;
  /** Where a client of this server finds it. */
  readonly target: ConnectOptions;
  connect(): Promise<Subagents>;
  /** Starts a worker in the same home, after the one before has ended, or beside it in a home of its own. */
  startWorker(
    home?: string,
    more?: Readonly<Record<string, string>>,
    pools?: readonly string[],
  ): Promise<WorkerProcess>;
  /** The file that its workers log to. */
  readonly log: string;
  /** Ends the server (by SIGKILL where it is to crash), and starts another on the same data and port. */
  restartServer(how?: 'crash'): Promise<void>;
}

export interface FleetOptions {
  readonly files?: Readonly<Record<string, string>>;
  /** Added to the worker's environment, for example SUBAGENTS_SLOTS. */
  readonly env?: Readonly<Record<string, string>>;
  /** Encrypts messages: the key ring of the home. */
  readonly keys?: KeyRing;
  /** False: no worker yet. */
  readonly worker?: boolean;
  /** Starts the Temporal server, on the same data each time; default: an embedded one. */
  readonly startServer?: (port?: number) => Promise<EmbeddedServer>;
}

/** Starts it all: `fleet = await startFleet([on('hello', [{ text: 'Hi.' }])])`, and `await fleet[Symbol.asyncDispose]()` in the end. */
export async function startFleet(scenarios: readonly Scenario[], options: FleetOptions = {}): Promise<Fleet> {
  // The client under test resolves repositories in this process.
  Object.assign(process.env, NO_GIT_CONFIGURATION);
  const undo: (() => PromiseLike<void> | undefined)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return await build(scenarios, options, undo, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  scenarios: readonly Scenario[],
  options: FleetOptions,
  undo: (() => PromiseLike<void> | undefined)[],
  close: () => Promise<void>,
): Promise<Fleet> {
  const folder = await temporaryFolder();
  undo.push(() => folder[Symbol.asyncDispose]());
  const repository = await temporaryRepository(options.files);
  undo.push(() => repository[Symbol.asyncDispose]());
  const model = await startScriptedModel(scenarios);
  undo.push(() => model.stop());
  const home = join(folder.path, 'home');
  await mkdir(home, { mode: 0o700 });
  if (options.keys) writeDurableFile(homeRingPath(home), ringText(options.keys));
  const log = join(folder.path, 'worker.log');

  const startOne = (port?: number): Promise<EmbeddedServer> =>
    startEmbedded({
      dataDir: join(folder.path, 'temporal'),
      logFile: join(folder.path, 'temporal.log'),
      onProgress: () => undefined,
      ports: port === undefined ? ownPorts() : { grpc: port },
    });
  const start = options.startServer ?? startOne;
  let server = await start();
  undo.push(() => server.stop());

  const environment = {
    PATH: process.env['PATH'] ?? '',
    ...options.env,
    ...model.env,
    ...NO_GIT_CONFIGURATION,
    HOME: folder.path,
    // Copilot CLI unpacks itself there once for each machine.
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    SUBAGENTS_HOME: home,
  };
  const workers: WorkerProcess[] = [];
  undo.push(async () => void (await Promise.all(workers.map((each) => each.stop()))));
  const startWorker = async (
    otherHome?: string,
    more: Readonly<Record<string, string>> = {},
    pools: readonly string[] = [DEFAULT_POOL],
  ): Promise<WorkerProcess> => {
    const env = { ...environment, ...more, ...(otherHome !== undefined && { SUBAGENTS_HOME: otherHome }) };
    const worker = await startWorkerProcess(server, env, { log, pools });
    workers.push(worker);
    return worker;
  };
  if (options.worker !== false) await startWorker();

  // The ring of a home is for its own server unless it is named.
  const env = { HOME: folder.path, ...(options.keys && { SUBAGENTS_KEYS: 'home' }) };
  const target = { home, address: server.address, namespace: server.namespace, env };
  const fleet: Fleet = {
    model,
    repository,
    home,
    target,
    get server() {
      return server;
    },
    get worker() {
      const worker = workers.at(-1);
      if (worker === undefined) throw new Error('no worker was started');
      return worker;
    },
    connect: () => Subagents.connect(target),
    startWorker,
    log,
    async restartServer(how) {
      const port = Number(server.address.split(':')[1]);
      if (how === 'crash') process.kill(server.pid, 'SIGKILL');
      await server.stop();
      server = await start(port);
    },
    [Symbol.asyncDispose]: close,
  };
  const unaccount = accountFor(fleet);
  undo.push(async () => unaccount());
  return fleet;
}

async function startWorkerProcess(
  { address, namespace }: EmbeddedServer,
  env: Readonly<Record<string, string>>,
  { log: logFile, pools }: { readonly log: string; readonly pools: readonly string[] },
): Promise<WorkerProcess> {
  const where = [
    '--address',
    address,
    '--namespace',
    namespace,
    ...pools.flatMap((name) => ['--pool', name]),
  ];
  const child = execa(process.execPath, [WORKER, ...where], {
    env,
    extendEnv: false,
    // The worker ends by itself when the channel closes: it never outlives the test process.
    ipc: true,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: { file: logFile, append: true },
    buffer: false,
    reject: false,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${WORKER}`);
  const startTime = processStartTime(pid) ?? '';
  const end = (signal: NodeJS.Signals) => async (): Promise<void> => {
    if (isAlive(pid, startTime)) child.kill(signal);
    // One that a test froze would never hear of it.
    if (isAlive(pid, startTime)) child.kill('SIGCONT');
    await child;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, workerId } = JSON.parse(line) as { event?: string; workerId: string };
    if (event === 'ready') return { pid, workerId, stop: end('SIGTERM'), kill: end('SIGKILL') };
  }
  throw new Error(`the worker ended before it was ready:\n${readFileSync(logFile, 'utf8')}`);
}
