/**
 * Converts the payloads and failures of workflows (scripts/build.mjs adds it to their bundle). Beside each value it keeps
 * the seal with which the value was encrypted.
 */
import type { Payload, PayloadConverter, SerializationContext } from '@temporalio/common';
import { isEncrypted, noteSealed, rememberSeal, sealIn } from '../contract/protocol/seals.ts';
import { AuthenticFailureConverter } from './failure-converter.ts';
import { payloadConverter as plainConverter } from './payload-converter.ts';

/** The SDK requires this name. */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => plainConverter.toPayload(value),
  fromPayload<T>(payload: Payload, context?: SerializationContext): T {
    const value: unknown = plainConverter.fromPayload(payload);
    const seal = sealIn(payload.metadata);
    if (seal === undefined) return value as T;
    noteSealed();
    // A text has no identity. As an object it has one until the interceptors of messages have looked at its seal.
    const sealed = typeof value === 'string' && context?.type === 'workflow' ? new String(value) : value;
    if (typeof sealed === 'object' && sealed !== null) rememberSeal(sealed, seal);
    return sealed as T;
  },
};

/** The SDK requires this name. */
export const failureConverter = new AuthenticFailureConverter(isEncrypted);
