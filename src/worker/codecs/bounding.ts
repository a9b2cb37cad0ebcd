/** The bounds on the one way out of an activity: nothing that it says to the server (result, heartbeat, failure) is more than that takes. */
import type { Payload, PayloadCodec } from '@temporalio/common';
import { bounded, fitted, headBytes, MAX_PAYLOAD_BYTES } from '../../contract/index.ts';
import { payloadConverter } from '../../temporal/payload-converter.ts';

/** Below that, in bytes, no text in it can be too long: most results are not looked at. */
const SMALL = 300;
const MAX_ERROR_TEXT_BYTES = 8 * 1024;

/** Cuts what is too long, and makes every text well-formed. Reads what comes as it is. */
export const boundingCodec: PayloadCodec = {
  encode: (payloads) => Promise.resolve(payloads.map(boundedPayload)),
  decode: (payloads) => Promise.resolve(payloads),
};

function boundedPayload(payload: Payload): Payload {
  if (!payload.data) return payload;
  if (payload.data.length <= SMALL && !payload.data.includes(BACKSLASH)) return payload;
  const value = payloadConverter.fromPayload(payload);
  return payloadConverter.toPayload(fitted(bounded(value), MAX_PAYLOAD_BYTES));
}
const BACKSLASH = 0x5c;

/** A message or a stack of an error. */
export const boundedErrorText = (text: string): string =>
  headBytes(text, MAX_ERROR_TEXT_BYTES).toWellFormed();
