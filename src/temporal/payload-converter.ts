/**
 * Converts payloads from and to values. Anybody may send to a workflow, so an unreadable payload becomes a value that
 * no schema accepts instead of an error, which would fail the workflow task forever. All text is made well-formed
 * Unicode, because protobuf, file names and processes cannot represent lone surrogates.
 *
 * Used by every client of ours and, in `workflow-converter.ts`, by workflows.
 */
import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { decode } from '@temporalio/common/lib/encoding.js';
import { UnreadablePayload, type UnreadableCode } from '../contract/check.ts';

class TolerantPayloadConverter implements PayloadConverter {
  toPayload(value: unknown): Payload {
    const payload = defaultPayloadConverter.toPayload(value);
    if (!mayHaveLoneSurrogate(payload.data)) return payload;
    return defaultPayloadConverter.toPayload(wellFormed(defaultPayloadConverter.fromPayload(payload)));
  }

  fromPayload<T>(payload: Payload): T {
    const unreadable = unreadableIn(payload);
    if (unreadable !== undefined) return unreadable as T;
    try {
      const value = defaultPayloadConverter.fromPayload<T>(payload);
      return mayHaveLoneSurrogate(payload.data) ? (wellFormed(value) as T) : value;
    } catch (error) {
      return new UnreadablePayload(error instanceof Error ? error.message : String(error)) as T;
    }
  }
}

/** The payload converter of our clients and, in its core, of workflows. */
export const payloadConverter: PayloadConverter = new TolerantPayloadConverter();

/** The encoding of an encrypted payload, as Temporal's own samples call theirs. */
export const ENCRYPTED = 'binary/encrypted';
/** The encoding of what stands in the place of a payload that cannot be decrypted: `<code>: <reason>`. */
export const UNREADABLE = 'subagents/unreadable';
/** The first letter of most encodings that are neither. */
const JSON_INITIAL = 0x6a;

/** The value for a payload that was not decrypted; undefined for all others. */
function unreadableIn({ metadata, data }: Payload): UnreadablePayload | undefined {
  const encoding = metadata?.['encoding'];
  if (encoding === undefined || encoding[0] === JSON_INITIAL) return undefined;
  const name = decode(encoding);
  if (name === ENCRYPTED)
    return new UnreadablePayload('it is encrypted, and this program has no keys', 'KEY_MISSING');
  if (name !== UNREADABLE) return undefined;
  const [, code, reason] =
    /^(KEY_MISSING|NOT_AUTHENTIC): (.*)$/s.exec(decode(data ?? new Uint8Array())) ?? [];
  return new UnreadablePayload(reason ?? 'it cannot be decrypted', code as UnreadableCode | undefined);
}

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
