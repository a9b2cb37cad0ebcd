/** Content that is encrypted is compressed before, and comes back as it was. */
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import proto from '@temporalio/proto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compressed, expanded } from '../../src/temporal/compression.ts';

const { Payload } = proto.temporal.api.common.v1;
const encoded = (data: Uint8Array): Uint8Array =>
  Payload.encode({ metadata: { encoding: Buffer.from('json/plain') }, data }).finish();

it('any payload comes back, and is never larger', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (data) => {
      const content = encoded(data);
      expect(compressed(content).length).toBeLessThanOrEqual(content.length);
      expect(Buffer.from(expanded(compressed(content)))).toEqual(Buffer.from(content));
    }),
  );
});

it('what repeats itself is smaller, what does not stays as it is', () => {
  const text = encoded(
    Buffer.from(JSON.stringify(Array.from({ length: 50 }, (_, n) => ({ path: `src/${n}` })))),
  );
  expect(compressed(text).length).toBeLessThan(text.length / 3);
  const noise = encoded(randomBytes(500));
  expect(compressed(noise)).toBe(noise);
});

it('what expands to more than any payload is refused', () => {
  const large = Buffer.alloc(65 * 1024 * 1024);
  expect(compressed(large)).toBe(large);
  const bomb = Buffer.concat([Buffer.of(1), deflateRawSync(large)]);
  expect(() => expanded(bomb)).toThrow(/larger/);
});
