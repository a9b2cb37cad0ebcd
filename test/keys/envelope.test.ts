/** The envelope of everything that is encrypted, and the ids of keys. */
import { describe, expect, it } from 'vitest';
import { headerOf, open, seal } from '../../src/keys/envelope.ts';
import {
  isOfRing,
  keyOf,
  newRing,
  parseRing,
  preparedKey,
  ringName,
  ringText,
  withCurrent,
  withNewKey,
} from '../../src/keys/key-ring.ts';

const ring = newRing('refused');
const key = keyOf(ring, ring.current)!;
const content = Buffer.from('the task');

describe('an envelope', () => {
  it('gives its content back to the key that sealed it, and says where it belongs', () => {
    const before = Date.now();
    const envelope = seal(key, content, 'default\nsubagent/default/a');
    expect(Buffer.from(open(key, envelope)!).toString()).toBe('the task');
    const header = headerOf(envelope)!;
    expect(header).toMatchObject({ keyId: key.id, binding: 'default\nsubagent/default/a' });
    expect(header.sealedAt).toBeGreaterThanOrEqual(before);
    expect(header.sealedAt).toBeLessThanOrEqual(Date.now());
    expect(Buffer.from(envelope).includes('the task')).toBe(false);
  });

  it('cannot be changed anywhere: not one bit', () => {
    const envelope = seal(key, content, 'default\nw');
    for (let at = 0; at < envelope.length; at++) {
      const changed = Buffer.from(envelope);
      changed[at]! ^= 1;
      expect(open(key, changed), `byte ${at}`).toBeUndefined();
    }
    for (let length = 0; length < envelope.length; length++)
      expect(open(key, envelope.subarray(0, length)), `${length} bytes`).toBeUndefined();
  });

  it('opens with no other key', () => {
    const other = newRing('refused');
    expect(open(keyOf(other, other.current)!, seal(key, content, ''))).toBeUndefined();
  });

  it('has another nonce each time', () => {
    const nonces = Array.from({ length: 1_000 }, () => headerOf(seal(key, content, ''))!.nonce);
    expect(new Set(nonces).size).toBe(1_000);
  });

  it('holds nothing, and much', () => {
    for (const size of [0, 1, 5_000_000])
      expect(open(key, seal(key, Buffer.alloc(size, 7), 'w'))!.length).toBe(size);
  });
});

describe('a key ring', () => {
  it('knows the ids of its keys, also of those that it no longer has', () => {
    const { ring: more, id } = withNewKey(ring);
    expect(isOfRing(ring, id)).toBe(true);
    expect(keyOf(ring, id)).toBeUndefined();
    expect(keyOf(more, id)?.id).toBe(id);
    const other = newRing('refused');
    expect(isOfRing(ring, other.current)).toBe(false);
    expect(ringName(other)).not.toBe(ringName(ring));
    for (const id of ['', 'k-', 'k-00', `k-${'0'.repeat(16)}`]) expect(isOfRing(ring, id)).toBe(false);
  });

  it('encrypts with a new key only once that is the current one', () => {
    const { ring: prepared, id } = withNewKey(ring);
    expect(prepared.current).toBe(ring.current);
    expect(preparedKey(prepared)).toBe(id);
    const rotated = withCurrent(prepared, id);
    expect(rotated.current).toBe(id);
    expect(preparedKey(rotated)).toBeUndefined();
  });

  it('is read from its text, or refused without quoting a secret', () => {
    expect(parseRing(ringText(ring))).toEqual({ ring });
    const [entry] = ring.keys;
    const stranger = newRing('refused');
    const refused = {
      'no JSON': `{"mark":"${ring.mark}"`,
      'another format': JSON.stringify({ ...ring, format: 2 }),
      'a short key': JSON.stringify({ ...ring, keys: [{ ...entry, secret: entry!.secret.slice(0, 20) }] }),
      'a current key that is not there': JSON.stringify({ ...ring, current: stranger.current }),
      'a key of another ring': JSON.stringify({ ...ring, keys: [...ring.keys, ...stranger.keys] }),
    };
    for (const [why, text] of Object.entries(refused)) {
      const parsed = parseRing(text);
      expect(parsed, why).toHaveProperty('problem');
      expect(JSON.stringify(parsed)).not.toContain(entry!.secret.slice(0, 12));
    }
  });
});
