/** Interceptors for gRPC calls on a connection that was closed or lost. */
import type { ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
const CANCELLED = 1;
const UNAVAILABLE = 14;

/**
 * Makes calls on a closed connection end as cancelled. `@temporalio/client` retries from a timer, where the error that
 * grpc-js throws for a closed channel is not caught and would end the program. Must follow the retry interceptor.
 */
export const cancelCallsAfterClose: Interceptor = (options, nextCall) => {
  try {
    return nextCall(options) as Call;
  } catch (error) {
    return endedCall(CANCELLED, error instanceof Error ? error.message : String(error));
  }
};

/** While `isRefused` returns true, ends calls as unavailable without sending them. */
export const rejectCallsWhile =
  (isRefused: () => boolean): Interceptor =>
  (options, nextCall) =>
    isRefused() ? endedCall(UNAVAILABLE, 'the connection was lost') : (nextCall(options) as Call);

function endedCall(code: number, details: string): Call {
  const over: Pick<Call, 'start' | 'sendMessage' | 'halfClose' | 'cancelWithStatus' | 'getPeer'> = {
    start: (metadata, listener) => listener?.onReceiveStatus?.({ code, details, metadata: metadata.clone() }),
    sendMessage: () => undefined,
    halfClose: () => undefined,
    cancelWithStatus: () => undefined,
    getPeer: () => '',
  };
  return over as Call;
}
