import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../src/environment/redact.ts';

const SECRET = 'p4ss/w+rd="ß\\"~canary';
const redactor = new Redactor(
  new Map([
    ['MY_PASSWORD', SECRET],
    ['LONGER', `${SECRET}-and-more`],
    ['SHORT', 'abc1234'],
  ]),
);

describe('redacted is', () => {
  it.each([
    ['the value as it is', SECRET],
    ['in Base 64', Buffer.from(SECRET).toString('base64')],
    ['in Base 64 with a newline behind it', Buffer.from(`${SECRET}\n`).toString('base64')],
    ['in Base 64, one byte in', Buffer.from(`:${SECRET}`).toString('base64')],
    ['in Base 64, two bytes in', Buffer.from(`u:${SECRET}`).toString('base64')],
    ['in Base 64 for addresses', Buffer.from(SECRET).toString('base64url')],
    ['in an address', encodeURIComponent(SECRET)],
    ['in JSON', JSON.stringify({ a: SECRET })],
  ])('%s', (_, text) => {
    const redacted = redactor.text(`before ${text} after`);
    expect(redacted).toContain('[redacted MY_PASSWORD]');
    expect(redacted).toMatch(/^before .* after$/);
    // No run of six characters of it is left.
    for (let at = 0; at + 6 <= text.length && !text.startsWith('{'); at++)
      expect(redacted.slice(7, -6)).not.toContain(text.slice(at, at + 6));
  });

  it.each([
    ['JSON in JSON', JSON.stringify(JSON.stringify(SECRET)), String.raw`"\"[redacted MY_PASSWORD]\""`],
    [
      'JSON in JSON in JSON',
      JSON.stringify(JSON.stringify(JSON.stringify(SECRET))),
      String.raw`"\"\\\"[redacted MY_PASSWORD]\\\"\""`,
    ],
    ['JSON in ASCII', String.raw`"p4ss/w+rd=\"\u00df\\\"~canary"`, '"[redacted MY_PASSWORD]"'],
    ['JSON of PHP', String.raw`"p4ss\/w+rd=\"\u00df\\\"~canary"`, '"[redacted MY_PASSWORD]"'],
    ['HTML', String.raw`p4ss/w+rd=&quot;ß\&quot;~canary`, '[redacted MY_PASSWORD]'],
    ['HTML of Go', String.raw`p4ss/w+rd=&#34;ß\&#34;~canary`, '[redacted MY_PASSWORD]'],
    ['lines of eight characters', SECRET.replace(/.{8}/gu, '$&\n'), '[redacted MY_PASSWORD]'],
  ])('a value that was written out as %s', (_, text, redacted) => {
    expect(redactor.text(text)).toBe(redacted);
  });

  it('the longer one where one begins with another, and none that is too short to tell', () => {
    expect(redactor.text(`${SECRET}-and-more`)).toBe('[redacted LONGER]');
    expect(redactor.text('abc1234')).toBe('abc1234');
  });

  it('each line of one that has several', () => {
    const key = ['first-line-of-the-key', 'second-line-of-the-key'];
    const lines = new Redactor(new Map([['KEY', key.join('\n')]]));
    expect(lines.text(`| ${key[1]} |`)).toBe('| [redacted KEY] |');
  });

  it.each([
    `ghp_${'a1'.repeat(18)}`,
    `github_pat_${'a1'.repeat(20)}`,
    `glpat-${'a1'.repeat(10)}`,
    `sk-proj-${'a1'.repeat(20)}`,
    `AKIA${'A1'.repeat(8)}`,
    `xoxb-${'1'.repeat(12)}-abc`,
    `npm_${'a1'.repeat(18)}`,
    `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`,
    `-----BEGIN ${'OPENSSH'} PRIVATE KEY-----\n${'a'.repeat(64)}\n-----END ${'OPENSSH'} PRIVATE KEY-----`,
  ])('a token by its shape: %s', (token) => {
    expect(redactor.text(`(${token})`)).toBe('([redacted token])');
  });

  it('nothing else', () => {
    const text =
      'git add . && npm test # a password, a token, sk-learn, AKIA, 4b825dc642cb6eb9a060e54bf8d69288fbee4904';
    expect(redactor.text(text)).toBe(text);
    const value = { a: [1, { b: text }], c: null };
    expect(redactor.deep(value)).toBe(value);
  });

  it('every string of a value, names too', () => {
    expect(redactor.deep({ a: [1, SECRET], [SECRET]: { b: `x${SECRET}` }, n: null })).toEqual({
      a: [1, '[redacted MY_PASSWORD]'],
      '[redacted MY_PASSWORD]': { b: 'x[redacted MY_PASSWORD]' },
      n: null,
    });
  });
});

describe('a stream', () => {
  it.each([2, 7, 1024, 100_000])('is redacted in chunks of %i bytes', (size) => {
    const noise = randomBytes(9_000);
    const whole = Buffer.concat([
      noise,
      Buffer.from(`é ${SECRET} ghp_${'a1'.repeat(18)} `),
      noise,
      Buffer.from(SECRET),
    ]);
    const stream = redactor.stream();
    const given: Buffer[] = [];
    for (let at = 0; at < whole.length; at += size) given.push(stream.take(whole.subarray(at, at + size)));
    given.push(stream.end());
    const clean = Buffer.from('é [redacted MY_PASSWORD] [redacted token] ');
    const expected = Buffer.concat([noise, clean, noise, Buffer.from('[redacted MY_PASSWORD]')]);
    expect(Buffer.concat(given).equals(expected)).toBe(true);
  });
});

it('blanks bytes without moving any', () => {
  const text = JSON.stringify({ before: 'é', secret: SECRET, after: 1 });
  const blanked = redactor.blank(Buffer.from(text)).toString();
  expect(Buffer.byteLength(blanked)).toBe(Buffer.byteLength(text));
  expect(JSON.parse(blanked)).toMatchObject({
    before: 'é',
    secret: expect.stringMatching(/^\[redacted MY_PASSWORD\]\*+$/) as string,
    after: 1,
  });
});
