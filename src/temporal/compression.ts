/**
 * Makes the content of a payload smaller before it is encrypted: ciphertext cannot be compressed by anyone later, and the
 * envelope alone takes some 150 bytes of each payload.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** The first byte of content that is compressed. No encoded payload begins with it: it would be field 0. */
const DEFLATED = 1;
/** The largest payload that a server takes, with much to spare, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Returns `content`, compressed where that makes it smaller. */
export function compressed(content: Uint8Array): Uint8Array {
  if (content.length > MAX_BYTES) return content;
  const smaller = deflateRawSync(content);
  return smaller.length + 1 < content.length ? Buffer.concat([Buffer.of(DEFLATED), smaller]) : content;
}

/** Returns what `compressed` was given. @throws the system's error for any other content, or one of more than 64 MB */
export const expanded = (content: Uint8Array): Uint8Array =>
  content[0] === DEFLATED ? inflateRawSync(content.subarray(1), { maxOutputLength: MAX_BYTES }) : content;
