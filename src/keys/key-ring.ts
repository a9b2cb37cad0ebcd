/**
 * A key ring: the keys of one installation, as one JSON text, wherever it is kept. The newest key that is in use
 * encrypts, all decrypt. The ring's `mark` marks the ids of its keys, so that a message under a key that the ring had
 * and lost is told from a message of a stranger. Decisions alone: no I/O.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { KEY_ID_BYTES, keyIdText, type Key } from './envelope.ts';

const secret = z
  .base64()
  .refine((text) => Buffer.from(text, 'base64').length === 32, 'a key has 32 bytes, in Base64');

const keyEntry = z.object({
  id: z.string().regex(/^k-[0-9a-f]{16}$/, 'a key id is k- and 16 hexadecimal digits'),
  secret,
  created: z.iso.datetime(),
});

/**
 * How messages are treated that are not encrypted: `refused`, or `read`, for an installation that has subagents from
 * before its first key.
 */
const plain = z.enum(['refused', 'read']);

const keyRing = z
  .object({
    format: z.literal(1),
    /** Marks key ids; it encrypts nothing, and stays the same as long as the ring lives. */
    mark: secret,
    plain,
    /** The id of the key that encrypts. */
    current: z.string(),
    keys: z.array(keyEntry).min(1),
    /** The ring takes the place of one that was lost; until a worker has told the server so. */
    anew: z.literal(true).optional(),
  })
  .refine(({ current, keys }) => keys.some(({ id }) => id === current), {
    path: ['current'],
    error: 'the current key is not among the keys',
  })
  .refine((ring) => ring.keys.every(({ id }) => isOfRing(ring, id)), {
    path: ['keys'],
    error: 'a key is of another ring',
  });

/** A key ring. */
export type KeyRing = z.infer<typeof keyRing>;
/** How a ring treats messages that are not encrypted. */
export type PlainRule = z.infer<typeof plain>;

/** What has a ring's mark. */
interface Marked {
  readonly mark: string;
}

/** Bytes of a key id that are random; the others are its mark. */
const RANDOM_BYTES = 4;

/** A new ring with one key. @param anew whether it takes the place of one that was lost */
export function newRing(rule: PlainRule, anew = false): KeyRing {
  const mark = randomBytes(32).toString('base64');
  const key = newKey(mark);
  return { format: 1, mark, plain: rule, current: key.id, keys: [key], ...(anew && { anew }) };
}

/** The ring with a key more, which does not encrypt yet. */
export function withNewKey(ring: KeyRing): { readonly ring: KeyRing; readonly id: string } {
  const key = newKey(ring.mark);
  return { ring: { ...ring, keys: [...ring.keys, key] }, id: key.id };
}

/** The ring with `id` as the key that encrypts. */
export const withCurrent = (ring: KeyRing, id: string): KeyRing => ({ ...ring, current: id });

/** A key that was made after the current one, and does not encrypt yet; undefined if there is none. */
export function preparedKey({ current, keys }: KeyRing): string | undefined {
  const place = keys.findIndex(({ id }) => id === current);
  return keys.slice(place + 1).at(-1)?.id;
}

/** The ring, now that the server knows it. */
export function withoutAnew(ring: KeyRing): KeyRing {
  return { ...ring, anew: undefined };
}

/** The ring without the key `id`, which must not be the current one. */
export const withoutKey = (ring: KeyRing, id: string): KeyRing => ({
  ...ring,
  keys: ring.keys.filter((key) => key.id !== id),
});

/** The key with this id; undefined if the ring does not have it. */
export function keyOf({ keys }: KeyRing, id: string): Key | undefined {
  const found = keys.find((key) => key.id === id);
  return found && { id, secret: Buffer.from(found.secret, 'base64') };
}

/** Whether `id` is the id of a key that this ring has or once had. */
export function isOfRing({ mark }: Marked, id: string): boolean {
  const bytes = Buffer.from(id.slice(2), 'hex');
  if (bytes.length !== KEY_ID_BYTES) return false;
  return timingSafeEqual(
    bytes.subarray(RANDOM_BYTES),
    markOf(mark, `key ${bytes.toString('hex', 0, RANDOM_BYTES)}`).subarray(0, KEY_ID_BYTES - RANDOM_BYTES),
  );
}

/** The public name of the ring: `r-` and 8 hexadecimal digits. It says nothing of its keys. */
export const ringName = ({ mark }: Marked): string => `r-${markOf(mark, 'ring').toString('hex', 0, 4)}`;

/** The key of the addresses in a store. It stays the same as long as the ring lives, whichever key encrypts. */
export const storeKey = ({ mark }: Marked): Buffer => markOf(mark, 'store addresses');

/** The ring as text, for a file, a variable or a secrets manager. */
export const ringText = (ring: KeyRing): string => `${JSON.stringify(ring, null, 2)}\n`;

/** The ring in `text`, or what is wrong with it. The problem never quotes the text. */
export function parseRing(text: string): { readonly ring: KeyRing } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: 'it is no JSON' };
  }
  const parsed = keyRing.safeParse(value);
  if (parsed.success) return { ring: parsed.data };
  const [issue] = parsed.error.issues;
  return { problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'illegal'}` };
}

function newKey(mark: string): KeyRing['keys'][number] {
  const random = randomBytes(RANDOM_BYTES);
  const marked = markOf(mark, `key ${random.toString('hex')}`).subarray(0, KEY_ID_BYTES - RANDOM_BYTES);
  return {
    id: keyIdText(Buffer.concat([random, marked])),
    secret: randomBytes(32).toString('base64'),
    created: new Date().toISOString(),
  };
}

const markOf = (mark: string, what: string): Buffer =>
  createHmac('sha256', Buffer.from(mark, 'base64')).update(what).digest();
