/** A worker: pollers for five queues, and two for each pool, on one connection, with one home and one Copilot runtime. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { WorkSlots } from '../../activities/slot/work-slots.ts';
import { openRunOn, runStateOn } from '../../activities/ending/run-state.ts';
import { cleanedReporter } from '../../activities/ending/report-cleaned.ts';
import { CopilotPool } from '../copilot/runtime/pool.ts';
import {
  HEARTBEAT_INTERVAL_MS,
  hostControlQueue,
  MAIN_QUEUE,
  poolControlQueue,
  poolQueue,
  presenceQueue,
  workerControlQueue,
  workerIdentity,
  workerQueue,
} from '../contract/index.ts';
import { identityEnvironment } from '../git/trust/identity.ts';
import type { Home } from '../home/home.ts';
import { secretsIn } from '../environment/clean.ts';
import { Redactor } from '../environment/redact.ts';
import { withoutAnew } from '../keys/key-ring.ts';
import { homeRingPath } from '../keys/key-source.ts';
import type { Keys } from '../keys/keys.ts';
import { changeRing } from '../keys/ring-file.ts';
import type { Settings } from '../home/settings.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { sweepScratch } from '../system/scratch-folder.ts';
import { clientDataConverter, workerDataConverter } from '../temporal/data-converter.ts';
import { hasPollers } from '../temporal/pollers.ts';
import { ensureSearchAttributes } from '../temporal/search-attributes.ts';
import { identityOf, storeRing } from '../temporal/server-identity.ts';
import { keysForServer } from '../temporal/server-keys.ts';
import type { TemporalTarget } from '../temporal/target.ts';
import { createActivities } from './activities.ts';
import { workerDescriber } from './description.ts';
import { pollWhileFree } from './pool-slots.ts';
import { boundedErrorText, boundingCodec } from './codecs/bounding.ts';
import { RewriteErrors } from './interceptors/error-texts.ts';
import { LeaseInterceptor, type RunningLeases } from './interceptors/leases.ts';
import { OneAttempt, type Attempts } from './interceptors/one-attempt.ts';
import { reconcileOrphans } from './upkeep/reconcile-orphans.ts';
import { redactingCodec } from './codecs/redaction.ts';
import { startReopening } from './upkeep/reopen-sessions.ts';
import { showWorker } from './upkeep/show-worker.ts';
import { watchBounds } from '../sandbox/bounds/watch.ts';
import { endWhenIdle } from './upkeep/exit-when-idle.ts';
import { WorkerStore } from './worker-store.ts';
import { startRetention } from './upkeep/retention.ts';
import { copilotSessionsOf, recover, sweepAll, type Recovery } from './upkeep/recovery.ts';
import { notifyWaiting, notifyWhenSpace } from './upkeep/notify-waiting.ts';
import { Git } from '../git/git.ts';

/** Concurrent activities of a queue that is already bounded by slots or by speed. */
const MANY = 1_000;
/**
 * Time limit for one workflow task. The SDK's 5 s are soon exceeded on a busy machine: 3,000 signals at once need 3 s
 * of processor time. At the limit the SDK interrupts the task, and Node.js aborts the whole worker. The server repeats
 * a task long before. The SDK reads this option without declaring it.
 */
const STEPS = { isolateExecutionTimeout: '2m' };
/**
 * Workflows kept in memory between their tasks, 1.6 MB each; by default the SDK keeps thousands. An evicted one is
 * replayed from its history in about 10 ms when it gets a task. Most workflows are queued, asking, or unused sessions.
 */
const CACHED_WORKFLOWS = 100;
/**
 * How much the heap may grow beyond live objects before the next collection, in percent. V8's default is several times
 * larger.
 */
const HEAP_GROWING_PERCENT = 50;
/** How long a draining worker still takes what it has admitted, in milliseconds. */
const TAKE_MS = 3_000;
const DRAIN_CHECK_MS = 200;
/** A first poll usually arrives within 10 ms; a loaded machine takes longer. */
const READY_TIMEOUT_MS = 10_000;
/** A list of workers that is made at once then has this one; nothing else waits for that. */
const SHOWN_TIMEOUT_MS = 1_000;

/** A running worker. */
export interface RunningWorker {
  readonly workerId: string;
  readonly slots: number;
  readonly recovery: Recovery;
  /** Settles when the server knows its pollers, so that spawns are accepted; after 10 s at the latest. */
  readonly polling: Promise<void>;
  /** Settles when the worker has stopped; rejects if an error ended it. */
  readonly done: Promise<void>;
  /** Stops polling and interrupts its turns, which resume after the next start. */
  stop(): void;
}

/** What a worker is started with, besides its home and its settings. */
export interface StartWorkerOptions {
  readonly target: TemporalTarget;
  /** The pools that it joins. */
  readonly pools: readonly string[];
  /** Called with each notice for people. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** Called every few seconds, when the server has answered. */
  readonly onServerAnswer?: (() => void) | undefined;
  /** Ends the worker after this many milliseconds in which nobody has needed it; default: never. */
  readonly exitWhenIdleMs?: number | undefined;
  /** Called when the worker takes nothing new any more, because nobody has needed it. */
  readonly onDraining?: (() => void) | undefined;
}

/** Connects, cleans up what the previous process left behind, then polls. The caller must hold the home's lock. */
export async function startWorker(
  home: Home,
  settings: Settings,
  options: StartWorkerOptions,
): Promise<RunningWorker> {
  const { target, pools, onNotice = () => undefined } = options;
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const connection = await connect(target);
  const { namespace } = target;
  const keys = await workerKeys(connection, home.root, target);
  const client = new Client({ connection, namespace, dataConverter: clientDataConverter(keys, namespace) });
  const redactor = new Redactor(secretsIn(process.env));
  const copilot = new CopilotPool({
    home,
    settings,
    env: { ...process.env, ...(await identityEnvironment(Git.at(home.root))) },
    redactor,
  });
  // Ahead of need; if the runtime cannot start, the first turn reports why.
  void copilot.warm();

  const slots = new WorkSlots(settings.slots);
  const attempts: Attempts = new Map();
  const store = new WorkerStore(home, keys, process.env);
  void store.check(onNotice);
  const activities = createActivities({
    home,
    settings,
    requireStore: (id) => store.require(id),
    lookAtStore: () => store.look(),
    client,
    slots,
    attempts,
    pool: copilot,
    pollFreshnessMs: target.pollFreshnessMs,
  });
  const base: WorkerOptions = {
    connection,
    namespace,
    taskQueue: MAIN_QUEUE,
    identity: workerIdentity(home.workerId, home.host),
    // No delay: turns are interrupted, and everything else is repeated.
    shutdownGraceTime: 0,
    // Heartbeats carry progress and cancellations; by default they would be sent at 0.8 of their timeout.
    maxHeartbeatThrottleInterval: HEARTBEAT_INTERVAL_MS,
  };
  // Secrets are redacted before text is shortened, because half a secret would not be recognized; and before all is
  // encrypted, because whoever has the keys may read them for years.
  const errors = { inbound: new RewriteErrors((text) => boundedErrorText(redactor.text(text))) };
  const leasesNow: RunningLeases = new Set();
  // Only on activity queues: workflows get their data from these activities, and from their callers.
  const leased: Partial<WorkerOptions> = {
    dataConverter: workerDataConverter(keys, namespace, 'activities', [
      redactingCodec(redactor),
      boundingCodec,
    ]),
    interceptors: {
      activity: [
        () => errors,
        (context) => ({ inbound: new LeaseInterceptor(context, home.paths.leases, leasesNow) }),
        (context) => ({ inbound: new OneAttempt(context, attempts) }),
      ],
    },
  };
  let isDraining = false;
  let isStopping = false;
  const creating = Promise.all([
    Worker.create({
      ...base,
      ...STEPS,
      dataConverter: workerDataConverter(keys, namespace, 'workflows'),
      workflowBundle: { codePath: fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url)) },
      activities: activities.session,
      // A dead worker's sticky queue delays the next workflow task by this; the default is 10 s.
      stickyQueueScheduleToStartTimeout: '1s',
      // Each working subagent needs its own workflow, and often its session and chain.
      maxCachedWorkflows: Math.max(CACHED_WORKFLOWS, 2 * settings.slots),
    }),
    Worker.create({
      ...base,
      taskQueue: home.hostQueue,
      activities: activities.firstSlot,
      ...leased,
      maxConcurrentActivityTaskExecutions: settings.slots,
    }),
    Worker.create({
      ...base,
      taskQueue: hostControlQueue(home.hostQueue),
      activities: activities.host,
      ...leased,
    }),
    Worker.create({
      ...base,
      taskQueue: workerQueue(home.workerId),
      activities: activities.work,
      ...leased,
      maxConcurrentActivityTaskExecutions: MANY,
    }),
    Worker.create({
      ...base,
      taskQueue: workerControlQueue(home.workerId),
      activities: activities.control,
      ...leased,
      maxConcurrentActivityTaskExecutions: MANY,
    }),
    ...pools.flatMap((pool) => [
      Worker.create({
        ...base,
        taskQueue: poolQueue(pool),
        activities: activities.pool(pool),
        ...leased,
        tuner: pollWhileFree(slots),
      }),
      Worker.create({ ...base, taskQueue: poolControlQueue(pool), activities: activities.host, ...leased }),
    ]),
  ]);

  const [recovery, workers] = await Promise.all([recover(home, client), creating]);
  const runState = runStateOn(client);
  const retention = startRetention({
    clean: { home, runState, openRun: openRunOn(client), reportCleaned: cleanedReporter(client) },
    settings,
    log: onNotice,
  });
  const bounds = watchBounds(home.paths.running, onNotice);
  const ending = reconcileOrphans({
    home,
    client,
    runState,
    stopSubagent: (input) => activities.control.stopSubagent(input),
  });
  const reopening = startReopening(client, () => options.onServerAnswer?.());
  const shown = showWorker(
    client,
    workerDescriber({
      home,
      settings,
      pools,
      slots,
      copilot,
      keys,
      state: () => (isDraining || isStopping ? 'draining' : 'running'),
    }),
  );
  // Everything that holds a slot has a lease. Processes it leaves running must not outlive this worker.
  let underWay: string[] = [];
  const stop = (): void => {
    isStopping = true;
    const running = workers.filter((worker) => worker.getState() === 'RUNNING');
    if (running.length > 0) underWay = copilotSessionsOf([...leasesNow]);
    retention.stop();
    ending.stop();
    reopening.stop();
    bounds.stop();
    space.stop();
    idle?.stop();
    for (const worker of running) worker.shutdown();
  };
  const idle =
    options.exitWhenIdleMs === undefined
      ? undefined
      : endWhenIdle({ home, client, runState, slots, leases: leasesNow }, options.exitWhenIdleMs, {
          drain: () => drain(),
          end: () => stop(),
        });
  void notifyWaiting(client);
  void sweepScratch();
  const space = notifyWhenSpace(client, home.root, settings.reserveBytes);
  const runs = new Map(workers.map((worker) => [worker, worker.run()]));
  /** Of the queues from which something new comes; those for admission first, because what was admitted is still taken. */
  const drain = async (): Promise<void> => {
    isDraining = true;
    options.onDraining?.();
    const ofQueues = (isMeant: (queue: string) => boolean): Worker[] =>
      workers.filter((worker) => worker.getState() === 'RUNNING' && isMeant(worker.options.taskQueue));
    const taking = [home.hostQueue, ...pools.map(poolQueue)];
    const end = async (ending: readonly Worker[]): Promise<void> => {
      for (const worker of ending) worker.shutdown();
      for (const worker of ending) await runs.get(worker);
    };
    await end(ofQueues((queue) => taking.some((each) => presenceQueue(each) === queue)));
    await delay(TAKE_MS);
    // The end of a queue would interrupt what holds a slot through it.
    while (!isStopping && (slots.free < slots.capacity || leasesNow.size > 0)) await delay(DRAIN_CHECK_MS);
    await end(ofQueues((queue) => taking.includes(queue)));
  };
  const done = Promise.all(runs.values())
    .finally(stop)
    .then(async () => {
      await copilot.stop();
      await Promise.all([sweepAll(home, underWay), shown.end()]);
      await connection.close();
    });
  const polling = untilPolling(connection, target.namespace, base.identity ?? '', [
    [MAIN_QUEUE, 'workflow'],
    [hostControlQueue(home.hostQueue), 'activity'],
    ...pools.map((pool) => [poolControlQueue(pool), 'activity'] as const),
  ]);
  return {
    workerId: home.workerId,
    slots: settings.slots,
    recovery,
    polling: Promise.all([
      polling,
      Promise.race([shown.shown, delay(SHOWN_TIMEOUT_MS, undefined, { ref: false })]),
    ]).then(() => undefined),
    done,
    stop,
  };
}

/**
 * The keys for the messages of this server. Tells the server which ring it is.
 * @throws SubagentsError KEYS_UNREADABLE, KEY_MISSING
 */
async function workerKeys(
  connection: NativeConnection,
  root: string,
  target: TemporalTarget,
): Promise<Keys | undefined> {
  try {
    const { namespace } = target;
    const identity = identityOf(await connection.workflowService.describeNamespace({ namespace }));
    const keys = await keysForServer(root, process.env, target, identity);
    // A team's server may not allow it; then a worker without the keys notices only at the first message.
    if (keys !== undefined && identity.ring !== keys.name)
      await storeRing(connection, namespace, keys.name).catch(() => undefined);
    if (keys?.ring.anew) await changeRing(root, homeRingPath(root), withoutAnew);
    return keys;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function untilPolling(
  connection: NativeConnection,
  namespace: string,
  identity: string,
  queues: readonly (readonly [queue: string, kind: 'workflow' | 'activity'])[],
): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (const [queue, kind] of queues) {
    while (Date.now() < deadline) {
      if (await hasPollers(connection, namespace, queue, kind, { identity }).catch(() => false)) break;
      await delay(20);
    }
  }
}

/**
 * A connection to a server that has our search attributes: an unregistered one would stop every workflow task.
 * @throws SubagentsError TEMPORAL_UNREACHABLE, SEARCH_ATTRIBUTES
 */
async function connect(target: TemporalTarget): Promise<NativeConnection> {
  const { address, namespace, tls, apiKey, metadata } = target;
  let connection: NativeConnection | undefined;
  try {
    connection = await NativeConnection.connect({
      address,
      ...(tls !== undefined && { tls }),
      ...(apiKey !== undefined && { apiKey }),
      ...(metadata !== undefined && { metadata }),
    });
    await ensureSearchAttributes(connection, namespace);
    return connection;
  } catch (error) {
    await connection?.close();
    // If the server itself is the problem, a client gives the better error. That takes 0.2 s, so it is not tried first.
    await (await connectTemporal(target)).close();
    throw error;
  }
}
