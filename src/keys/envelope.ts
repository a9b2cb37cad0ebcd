/**
 * The one envelope for everything that is encrypted: payloads of Temporal, and files of a store. AES-256-GCM
 * (`node:crypto`). Layout, big-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | version: 1 |
 * | 8 | key id |
 * | 6 | when it was sealed, in milliseconds since the epoch |
 * | 12 | nonce, random |
 * | 2 | length of the binding in bytes |
 * | … | binding: where the content belongs, as text |
 * | … | ciphertext |
 * | 16 | tag |
 *
 * Everything before the ciphertext is readable by anyone, and authenticated (associated data). The binding stands in the
 * envelope, so that a reader that does not know where an envelope was found (a codec server) can open it; a reader that
 * does know compares.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const VERSION = 1;
/** Bytes of a key id. */
export const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Offsets of the fields. */
const AT = { keyId: 1, time: 9, nonce: 15, bindingLength: 27, binding: 29 };
const ALGORITHM = 'aes-256-gcm';

/** A key that encrypts. */
export interface Key {
  /** `k-` and 16 hexadecimal digits. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** The readable part of an envelope. It is not authenticated before `open` returned the content. */
export interface EnvelopeHeader {
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly sealedAt: number;
  /** Hexadecimal. */
  readonly nonce: string;
  readonly binding: string;
}

/** A key id as text. */
export const keyIdText = (bytes: Uint8Array): string => `k-${Buffer.from(bytes).toString('hex')}`;
const keyIdBytes = (id: string): Buffer => Buffer.from(id.slice(2), 'hex');

/**
 * Encrypts `content` under `key`.
 * @param binding where it belongs; `open` returns it authenticated. At most 65,535 bytes.
 */
export function seal(key: Key, content: Uint8Array, binding: string): Uint8Array {
  const bound = Buffer.from(binding);
  const header = Buffer.alloc(AT.binding);
  header.writeUInt8(VERSION);
  keyIdBytes(key.id).copy(header, AT.keyId);
  header.writeUIntBE(Date.now(), AT.time, 6);
  const nonce = randomBytes(NONCE_BYTES);
  nonce.copy(header, AT.nonce);
  header.writeUInt16BE(bound.length, AT.bindingLength);
  const associated = Buffer.concat([header, bound]);
  const cipher = createCipheriv(ALGORITHM, key.secret, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated);
  return Buffer.concat([associated, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** The header of `envelope`; undefined if it is none of this version. */
export function headerOf(envelope: Uint8Array): EnvelopeHeader | undefined {
  const bytes = viewOf(envelope);
  const end = endOfHeader(bytes);
  if (end === undefined) return undefined;
  return {
    keyId: keyIdText(bytes.subarray(AT.keyId, AT.time)),
    sealedAt: bytes.readUIntBE(AT.time, 6),
    nonce: bytes.toString('hex', AT.nonce, AT.bindingLength),
    binding: bytes.toString('utf8', AT.binding, end),
  };
}

/** The content of `envelope`; undefined if it was not sealed with `key`, or was changed since. */
export function open(key: Key, envelope: Uint8Array): Uint8Array | undefined {
  const bytes = viewOf(envelope);
  const end = endOfHeader(bytes);
  if (end === undefined) return undefined;
  const nonce = bytes.subarray(AT.nonce, AT.bindingLength);
  const decipher = createDecipheriv(ALGORITHM, key.secret, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bytes.subarray(0, end));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(end, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Where the header with its binding ends. */
function endOfHeader(bytes: Buffer): number | undefined {
  if (bytes.length < AT.binding + TAG_BYTES || bytes[0] !== VERSION) return undefined;
  const end = AT.binding + bytes.readUInt16BE(AT.bindingLength);
  return end + TAG_BYTES <= bytes.length ? end : undefined;
}

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
