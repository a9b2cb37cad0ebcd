/** What becomes of calls that are tried again when their connection is closed already. */
import type { ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;

/** gRPC's status CANCELLED (https://grpc.io/docs/guides/status-codes/). */
const CANCELLED = 1;

/**
 * Has them end as cancelled. `@temporalio/client` tries again from a timer, where what grpc-js throws for a channel that has
 * been shut down is caught by nobody, and would end the program. It goes behind the interceptor that tries again.
 */
export const cancelledAfterClose: Interceptor = (options, nextCall) => {
  try {
    return nextCall(options) as Call;
  } catch (error) {
    const details = error instanceof Error ? error.message : String(error);
    const over: Pick<Call, 'start' | 'sendMessage' | 'halfClose' | 'cancelWithStatus' | 'getPeer'> = {
      start: (metadata, listener) =>
        listener?.onReceiveStatus?.({ code: CANCELLED, details, metadata: metadata.clone() }),
      sendMessage: () => undefined,
      halfClose: () => undefined,
      cancelWithStatus: () => undefined,
      getPeer: () => '',
    };
    return over as Call;
  }
};
