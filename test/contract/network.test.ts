/** What a sandbox may reach: the text, what a rule is about, and bounds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namesHost, isWithinNetwork, network, parseNetwork } from '../../src/contract/index.ts';
import { isPublic } from '../../src/sandbox/network/addresses.ts';

describe('the text', () => {
  it.each([
    ['none', 'none'],
    ['all', 'all'],
    ['Registry.npmjs.org', [{ host: 'registry.npmjs.org', below: false, port: undefined }]],
    ['*.github.com:443', [{ host: 'github.com', below: true, port: 443 }]],
    [
      'a_b,[::1]:8080',
      [
        { host: 'a_b', below: false, port: undefined },
        { host: '::1', below: false, port: 8080 },
      ],
    ],
  ])('%s', (text, access) => {
    expect(network.safeParse(text).success).toBe(true);
    expect(parseNetwork(text)).toEqual(access);
  });

  it.each(
    ['', 'a,', 'https://a', 'a b', '*', '*.', 'a.*', 'a:', 'a:123456', 'a/b', '::1', 'a..b', 'a\nb'].filter(
      (text) => text !== '-',
    ),
  )('%j is none', (text) => expect(network.safeParse(text).success).toBe(false));
});

describe('a rule', () => {
  const about = (text: string, host: string, port = 443): boolean => {
    const rules = parseNetwork(text);
    return typeof rules !== 'string' && rules.some((rule) => namesHost(rule, host, port));
  };
  it.each([
    ['example.com', 'EXAMPLE.com', true],
    ['example.com', 'example.com.', true],
    ['example.com', 'www.example.com', false],
    ['example.com', 'notexample.com', false],
    ['*.example.com', 'a.b.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'example.com.evil.org', false],
    ['*.example.com', 'evilexample.com', false],
    ['example.com:80', 'example.com', false],
    ['example.com:443', 'example.com', true],
  ])('%s, %s: %s', (text, host, is) => expect(about(text, host)).toBe(is));
});

describe('a bound', () => {
  it.each([
    ['none', 'none', true],
    ['all', 'none', false],
    ['all', 'all', true],
    ['all', 'a.org', false],
    ['a.org', 'none', false],
    ['a.org', 'a.org', true],
    ['a.org:443', 'a.org', true],
    ['a.org', 'a.org:443', false],
    ['x.a.org', '*.a.org', true],
    ['*.x.a.org', '*.a.org', true],
    ['*.a.org', '*.a.org', true],
    ['a.org', '*.a.org', false],
    ['*.a.org', 'a.org', false],
    ['a.org,b.org', 'a.org', false],
  ])('%s within %s: %s', (asked, bound, is) => expect(isWithinNetwork(asked, bound)).toBe(is));

  it('is never passed: what is within it reaches nothing that it does not', () => {
    const host = fc.constantFrom('a.org', 'x.a.org', 'y.x.a.org', 'b.org', 'xa.org');
    const port = fc.constantFrom('', ':443', ':80');
    const entry = fc
      .tuple(fc.boolean(), host, port)
      .map(([below, name, at]) => `${below ? '*.' : ''}${name}${at}`);
    const text = fc.oneof(
      fc.constantFrom('none', 'all'),
      fc.array(entry, { minLength: 1, maxLength: 3 }).map(String),
    );
    const reaches = (rules: string, name: string, at: number): boolean => {
      const access = parseNetwork(rules);
      return typeof access === 'string' ? access === 'all' : access.some((rule) => namesHost(rule, name, at));
    };
    fc.assert(
      fc.property(
        text,
        text,
        fc.constantFrom('a.org', 'z.a.org', 'x.a.org', 'q.x.a.org', 'b.org', 'xa.org'),
        fc.constantFrom(80, 443, 22),
        (asked, bound, name, at) => {
          if (isWithinNetwork(asked, bound) && reaches(asked, name, at))
            expect(reaches(bound, name, at)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

it.each([
  ['1.1.1.1', true],
  ['2606:4700::1111', true],
  ...[
    '127.0.0.1',
    '127.9.9.9',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
  ].map((address) => [address, false] as const),
  ...[
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'a',
  ].map((address) => [address, false] as const),
  ['::ffff:1.1.1.1', true],
] as const)('%s is public: %s', (address, is) => expect(isPublic(address)).toBe(is));
