import { connect as connectTcp } from 'node:net';
import {
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import { SubagentsError } from '../contract/errors.ts';
import { cancelledAfterClose } from './after-close.ts';
import type { TemporalTarget } from './target.ts';

/** How long connecting may take, the check of the namespace included, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The largest answer that is taken, in bytes: a page of history is up to 1,000 events. `@temporalio/client` 1.23 means to
 * allow as much, by an option that grpc-js does not know without its prefix, and so stays at grpc-js's 4 MiB.
 */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
const GRPC = { deadlineExceeded: 4, notFound: 5, permissionDenied: 7, unavailable: 14, unauthenticated: 16 };

/**
 * Connects to `target` and sees that its namespace is there. The caller closes the connection.
 * @throws SubagentsError TEMPORAL_UNREACHABLE, naming address and namespace: nobody there, no answer within 5 s,
 * credentials refused, no such namespace
 */
export async function connectTemporal(target: TemporalTarget): Promise<Connection> {
  const { address, namespace, tls, apiKey, metadata } = target;
  const deadline = Date.now() + CONNECT_TIMEOUT_MS;
  let connection: Connection | undefined;
  try {
    await refusedAtOnce(address);
    connection = await Connection.connect({
      address,
      connectTimeout: CONNECT_TIMEOUT_MS,
      interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), cancelledAfterClose],
      channelArgs: { 'grpc.max_receive_message_length': MAX_ANSWER_BYTES },
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
    });
    const { workflowService } = connection;
    await connection.withDeadline(deadline, () => workflowService.describeNamespace({ namespace }));
    return connection;
  } catch (error) {
    await connection?.close();
    throw explain(error, target);
  }
}

// gRPC goes on trying until its deadline. On this machine a refused connection is final: say so now, not in 5 s.
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
        'there is no such namespace',
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

/** The gRPC error that `error` is or wraps, else its message. */
function grpcError(error: unknown): { code: number | undefined; details: string } {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) return { code: cause.code, details: cause.details };
  return { code: undefined, details: error instanceof Error ? error.message : String(error) };
}
