import { connect as connectTcp } from 'node:net';
import {
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import { SubagentsError } from '../contract/errors.ts';
import { cancelCallsAfterClose, rejectCallsWhile } from './after-close.ts';
import { identityOf, type ServerIdentity } from './server-identity.ts';
import type { TemporalTarget } from './target.ts';

/** Limit for connecting, including the check of the namespace, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The largest accepted response in bytes: a page of history has up to 1,000 events. `@temporalio/client` 1.23 intends
 * the same limit, but sets an option that grpc-js ignores without its prefix, and so has grpc-js's 4 MiB.
 */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
const GRPC = { deadlineExceeded: 4, notFound: 5, permissionDenied: 7, unavailable: 14, unauthenticated: 16 };

/** A connection to a server, for as long as it lasts. */
export interface OpenConnection {
  readonly connection: Connection;
  readonly identity: ServerIdentity;
  /**
   * Whether it has been lost. A lost connection sends nothing more, because another server may answer at its address.
   */
  readonly isLost: () => boolean;
}

/**
 * Connects to `target` and checks that its namespace exists. The caller closes the connection. A lost connection
 * reconnects by itself, to whatever server answers at the address then.
 * @throws SubagentsError TEMPORAL_UNREACHABLE, naming address and namespace: no server, no answer within 5 s,
 * credentials refused, no such namespace
 */
export async function connectTemporal(target: TemporalTarget): Promise<Connection> {
  const { connection } = await connect(target, () => false);
  return connection;
}

/** Like `connectTemporal`, but a lost connection stays lost. @throws SubagentsError TEMPORAL_UNREACHABLE */
export async function openConnection(target: TemporalTarget): Promise<OpenConnection> {
  let lost = false;
  const isLost = (): boolean => lost;
  const opened = await connect(target, isLost, (connection) =>
    onConnectionLost(connection, () => (lost = true)),
  );
  return { ...opened, isLost };
}

async function connect(
  target: TemporalTarget,
  isLost: () => boolean,
  onConnected: (connection: Connection) => void = () => undefined,
): Promise<Pick<OpenConnection, 'connection' | 'identity'>> {
  const { address, namespace, tls, apiKey, metadata } = target;
  const deadline = Date.now() + CONNECT_TIMEOUT_MS;
  const retries = defaultGrpcRetryOptions();
  let connection: Connection | undefined;
  try {
    await refusedAtOnce(address);
    connection = await Connection.connect({
      address,
      connectTimeout: CONNECT_TIMEOUT_MS,
      interceptors: [
        makeGrpcRetryInterceptor({
          ...retries,
          retryableDecider: (attempt, status) => !isLost() && retries.retryableDecider(attempt, status),
        }),
        rejectCallsWhile(isLost),
        cancelCallsAfterClose,
      ],
      channelArgs: {
        'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
        // grpc-js would send a call that its server has not seen to the next server.
        'grpc.enable_retries': 0,
      },
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
    });
    onConnected(connection);
    const { workflowService } = connection;
    const described = await connection.withDeadline(deadline, () =>
      workflowService.describeNamespace({ namespace }),
    );
    return { connection, identity: identityOf(described) };
  } catch (error) {
    await connection?.close();
    throw explain(error, target);
  }
}

/** The part of grpc-js's channel that is needed; `Connection` has it as `protected`. */
interface Channel {
  getConnectivityState(connect: boolean): number;
  watchConnectivityState(from: number, deadline: number, changed: () => void): void;
}
const READY = 2;

/** Calls `lost` once the connection's channel is disconnected, however briefly. */
function onConnectionLost(connection: Connection, lost: () => void): void {
  const { client } = connection as unknown as { readonly client: { getChannel(): Channel } };
  const channel = client.getChannel();
  if (channel.getConnectivityState(false) === READY) channel.watchConnectivityState(READY, Infinity, lost);
  else lost();
}

// gRPC retries until its deadline. On this machine a refused connection is final, so it is reported now instead of
// after 5 s.
async function refusedAtOnce(address: string): Promise<void> {
  const [, host, port] = /^(localhost|127(?:\.\d+){3}|\[::1\]):(\d+)$/.exec(address) ?? [];
  if (!host || !port) return;
  await new Promise<void>((resolve, reject) => {
    const socket = connectTcp({ host: host.replace(/[[\]]/g, ''), port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function explain(error: unknown, { address, namespace, origin }: TemporalTarget): SubagentsError {
  const where = `Temporal at ${address}, namespace "${namespace}" (chosen by ${origin})`;
  const unreachable = (what: string, remedy: string) =>
    new SubagentsError('TEMPORAL_UNREACHABLE', `${where}: ${what}`, { remedy, cause: error });
  const { code, details } = grpcError(error);
  switch (code) {
    case GRPC.unauthenticated:
    case GRPC.permissionDenied:
      return unreachable(
        `the credentials were refused (${details})`,
        'check the API key or the client certificate, and its rights in this namespace',
      );
    case GRPC.notFound:
      return unreachable(
        'the namespace does not exist',
        `name another with --namespace, or create it: temporal operator namespace create --namespace ${namespace}`,
      );
    default:
      return unreachable(
        code === undefined || code === GRPC.deadlineExceeded || code === GRPC.unavailable
          ? `no answer (${details})`
          : details,
        'start a server with `subagents up`, or name the right one with --address, --profile or TEMPORAL_ADDRESS',
      );
  }
}

/** The gRPC error that `error` is or wraps, or else its message. */
function grpcError(error: unknown): { code: number | undefined; details: string } {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) return { code: cause.code, details: cause.details };
  return { code: undefined, details: error instanceof Error ? error.message : String(error) };
}
