/** Bounds everything an activity sends to the server (result, heartbeat, failure) to what the server accepts. */
import type { Payload, PayloadCodec } from '@temporalio/common';
import { bounded, fitted, headBytes, MAX_PAYLOAD_BYTES } from '../../contract/index.ts';
import { payloadConverter } from '../../temporal/payload-converter.ts';

/** Payloads up to this many bytes cannot contain text that is too long, so most results are not parsed. */
const SMALL = 300;
const MAX_ERROR_TEXT_BYTES = 8 * 1024;

/** Shortens payloads that are too long and makes their text well-formed. Incoming payloads are left unchanged. */
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

/** An error's message or stack, shortened. */
export const boundedErrorText = (text: string): string =>
  headBytes(text, MAX_ERROR_TEXT_BYTES).toWellFormed();
