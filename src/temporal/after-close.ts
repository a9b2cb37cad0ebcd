/** What becomes of calls whose connection is closed already, or lost. */
import type { ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;

/** gRPC status codes (https://grpc.io/docs/guides/status-codes/). */
const CANCELLED = 1;
const UNAVAILABLE = 14;

/**
 * Has them end as cancelled. `@temporalio/client` tries again from a timer, where what grpc-js throws for a channel that has
 * been shut down is caught by nobody, and would end the program. It goes behind the interceptor that tries again.
 */
export const cancelledAfterClose: Interceptor = (options, nextCall) => {
  try {
    return nextCall(options) as Call;
  } catch (error) {
    return overBeforeItBegan(CANCELLED, error instanceof Error ? error.message : String(error));
  }
};

/** Has calls end as unavailable, and none be sent, while `isRefused`. */
export const refusedWhen =
  (isRefused: () => boolean): Interceptor =>
  (options, nextCall) =>
    isRefused() ? overBeforeItBegan(UNAVAILABLE, 'the connection was lost') : (nextCall(options) as Call);

function overBeforeItBegan(code: number, details: string): Call {
  const over: Pick<Call, 'start' | 'sendMessage' | 'halfClose' | 'cancelWithStatus' | 'getPeer'> = {
    start: (metadata, listener) => listener?.onReceiveStatus?.({ code, details, metadata: metadata.clone() }),
    sendMessage: () => undefined,
    halfClose: () => undefined,
    cancelWithStatus: () => undefined,
    getPeer: () => '',
  };
  return over as Call;
}
