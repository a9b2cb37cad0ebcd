/**
 * Converts payloads from and to values. Anybody may send to a workflow, so an unreadable payload becomes a value that
 * no schema accepts instead of an error, which would fail the workflow task forever. All text is made well-formed
 * Unicode, because protobuf, file names and processes cannot represent lone surrogates.
 *
 * Used by workflows (scripts/build.mjs adds it to their bundle), and by every client of ours.
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

/** The payload converter of workflows and of our clients. */
export const payloadConverter: PayloadConverter = new TolerantPayloadConverter();

/** The data converter for our `Client` objects. */
export const dataConverter: LoadedDataConverter = {
  payloadConverter,
  failureConverter: defaultFailureConverter,
  payloadCodecs: [],
};

const BACKSLASH = 0x5c;
const U = 0x75;
const D = [0x64, 0x44];

/**
 * Whether JSON contains an escape `\ud…`, which `JSON.stringify` writes only for lone surrogates. Scans megabytes
 * quickly, without decoding them.
 */
function mayHaveLoneSurrogate(json: Uint8Array | null | undefined): boolean {
  if (!json) return false;
  for (let at = json.indexOf(BACKSLASH); at !== -1; at = json.indexOf(BACKSLASH, at + 2))
    if (json[at + 1] === U && D.includes(json[at + 2] ?? 0)) return true;
  return false;
}

/** A JSON value in which every lone surrogate is replaced by U+FFFD. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.toWellFormed(), wellFormed(each)]),
  );
}
