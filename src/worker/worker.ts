/** A worker: pollers for five queues on one connection, over one home and one Copilot runtime. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { Room } from '../../activities/room.ts';
import { openRunOn, runStateOn } from '../../activities/run-state.ts';
import { CopilotPool } from '../copilot/pool.ts';
import {
  hostControlQueue,
  MAIN_QUEUE,
  workerControlQueue,
  workerIdentity,
  workerQueue,
} from '../contract/index.ts';
import { identityEnvironment } from '../git/identity.ts';
import type { Home } from '../home/home.ts';
import { secretsIn } from '../home/environment.ts';
import { readLeases } from '../home/leases.ts';
import { Redactor } from '../home/redact.ts';
import type { Settings } from '../home/settings.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { hasPollers } from '../temporal/pollers.ts';
import { ensureSearchAttributes } from '../temporal/search-attributes.ts';
import type { TemporalTarget } from '../temporal/target.ts';
import { createActivities } from './activities.ts';
import { LeaseInterceptor } from './lease-interceptor.ts';
import { OneAttempt, type Attempts } from './one-attempt.ts';
import { keepEnding } from './left-alone.ts';
import { redactingCodec, RedactErrors } from './redaction.ts';
import { keepRetention } from './retention.ts';
import { copilotSessionsOf, recover, sweepAll, type Recovery } from './recovery.ts';
import { wakeWaiting } from './wake.ts';

/** Activities of one queue at once, where room or speed bounds them already. */
const MANY = 1_000;
/** A first poll is there within some 10 ms; a loaded machine takes longer. */
const READY_TIMEOUT_MS = 10_000;

/** A worker that polls. */
export interface RunningWorker {
  readonly workerId: string;
  readonly room: number;
  readonly recovery: Recovery;
  /** Settles when the server knows its pollers, so that a spawn is accepted; at the latest after 10 s. */
  readonly polling: Promise<void>;
  /** Settles when the worker has stopped; rejects when it died of an error. */
  readonly done: Promise<void>;
  /** Stops polling and hands turns back, so that they go on after the next start. */
  stop(): void;
}

/** Connects, settles what the process before left behind, then polls. The caller holds the home's lock. */
export async function startWorker(
  home: Home,
  settings: Settings,
  target: TemporalTarget,
  onNotice: (line: string) => void = () => undefined,
): Promise<RunningWorker> {
  const connection = await connect(target);
  const client = new Client({ connection, namespace: target.namespace });
  const redactor = new Redactor(secretsIn(process.env));
  const copilot = new CopilotPool({
    home,
    settings,
    env: { ...process.env, ...(await identityEnvironment(home.root)) },
    redactor,
  });
  // Ahead of need; where it cannot start, the first turn says why.
  void copilot.warm();

  const room = new Room(settings.room);
  const attempts: Attempts = new Map();
  const activities = createActivities({
    home,
    settings,
    client,
    room,
    attempts,
    pool: copilot,
    pollFreshnessMs: target.pollFreshnessMs,
  });
  const base: WorkerOptions = {
    connection,
    namespace: target.namespace,
    taskQueue: MAIN_QUEUE,
    identity: workerIdentity(home.workerId, home.host),
    // Without delay: turns are handed back, everything else is repeated.
    shutdownGraceTime: 0,
    // Heartbeats carry progress and cancellations; the default would send them at 0.8 of their timeout.
    maxHeartbeatThrottleInterval: '1s',
  };
  const dataConverter = { payloadCodecs: [redactingCodec(redactor)] };
  const errors = { inbound: new RedactErrors(redactor) };
  // For queues of activities alone: what a workflow decides comes from what these say, and from its callers.
  const leased: Partial<WorkerOptions> = {
    dataConverter,
    interceptors: {
      activity: [
        () => errors,
        (context) => ({ inbound: new LeaseInterceptor(context, home.paths.leases) }),
        (context) => ({ inbound: new OneAttempt(context, attempts) }),
      ],
    },
  };
  const creating = Promise.all([
    Worker.create({
      ...base,
      workflowBundle: { codePath: fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url)) },
      activities: activities.session,
      // A dead worker's sticky queue delays the next workflow task by this; the default is 10 s.
      stickyQueueScheduleToStartTimeout: '1s',
    }),
    Worker.create({
      ...base,
      taskQueue: home.hostQueue,
      activities: activities.firstStay,
      ...leased,
      maxConcurrentActivityTaskExecutions: settings.room,
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
  ]);

  const [recovery, workers] = await Promise.all([recover(home, client), creating]);
  const runState = runStateOn(client);
  const retention = keepRetention({
    clean: { home, runState, openRun: openRunOn(client) },
    settings,
    log: onNotice,
  });
  const ending = keepEnding({
    ...{ home, client, runState },
    stopSubagent: (input) => activities.control.stopSubagent(input),
  });
  // Everything with room has a lease: what it left running must not outlive this worker.
  let underWay: string[] = [];
  const stop = (): void => {
    const running = workers.filter((worker) => worker.getState() === 'RUNNING');
    if (running.length > 0) underWay = copilotSessionsOf(readLeases(home.paths.leases));
    retention.stop();
    ending.stop();
    for (const worker of running) worker.shutdown();
  };
  void wakeWaiting(client);
  const done = Promise.all(workers.map((worker) => worker.run()))
    .finally(stop)
    .then(async () => {
      await copilot.stop();
      await sweepAll(home, underWay);
      await connection.close();
    });
  const polling = untilPolling(connection, target.namespace, base.identity ?? '', [
    [MAIN_QUEUE, 'workflow'],
    [hostControlQueue(home.hostQueue), 'activity'],
  ]);
  return { workerId: home.workerId, room: settings.room, recovery, polling, done, stop };
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
 * A connection to a server on which a worker can run: an unregistered search attribute would stop every workflow task.
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
    // Where the server itself is what is wrong, a client says so best. It takes 0.2 s more, so it is not asked first.
    await (await connectTemporal(target)).close();
    throw error;
  }
}
