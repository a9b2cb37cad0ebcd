/** The failure converter of a worker's activities where messages are encrypted. The SDK loads it by the path of this file. */
import { DefaultFailureConverter } from '@temporalio/common';

/** The SDK requires this name. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
