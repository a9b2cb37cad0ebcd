/**
 * What comes out of a payload, and goes into one. Anybody may send to a workflow, so a payload that cannot be read becomes a
 * value that no schema takes, and no error: an error would fail the workflow's task, for ever. And every text is well-formed
 * Unicode: half of a surrogate pair is no text for protobuf, a file name or a process.
 *
 * Used by workflows (scripts/build.mjs puts it into their bundle), and by every client of ours.
 */
import {
  defaultFailureConverter,
  defaultPayloadConverter,
  type LoadedDataConverter,
  type Payload,
  type PayloadConverter,
} from '@temporalio/common';
import { UnreadablePayload } from '../contract/check.ts';

class TolerantPayloadConverter implements PayloadConverter {
  toPayload(value: unknown): Payload {
    const payload = defaultPayloadConverter.toPayload(value);
    if (!mayHaveLoneSurrogate(payload.data)) return payload;
    return defaultPayloadConverter.toPayload(wellFormed(defaultPayloadConverter.fromPayload(payload)));
  }

  fromPayload<T>(payload: Payload): T {
    try {
      const value = defaultPayloadConverter.fromPayload<T>(payload);
      return mayHaveLoneSurrogate(payload.data) ? (wellFormed(value) as T) : value;
    } catch (error) {
      return new UnreadablePayload(error instanceof Error ? error.message : String(error)) as T;
    }
  }
}

export const payloadConverter: PayloadConverter = new TolerantPayloadConverter();

/** For a `Client` of ours. */
export const dataConverter: LoadedDataConverter = {
  payloadConverter,
  failureConverter: defaultFailureConverter,
  payloadCodecs: [],
};

const BACKSLASH = 0x5c;
const U = 0x75;
const D = [0x64, 0x44];

/**
 * Whether JSON has an escape `\ud…` in it. `JSON.stringify` writes half of a surrogate pair so, and nothing else. A quick look
 * at megabytes, without decoding them.
 */
function mayHaveLoneSurrogate(json: Uint8Array | null | undefined): boolean {
  if (!json) return false;
  for (let at = json.indexOf(BACKSLASH); at !== -1; at = json.indexOf(BACKSLASH, at + 2))
    if (json[at + 1] === U && D.includes(json[at + 2] ?? 0)) return true;
  return false;
}

/** A value of JSON, with U+FFFD for every half of a surrogate pair that stands alone. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.toWellFormed(), wellFormed(each)]),
  );
}
