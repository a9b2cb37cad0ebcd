/** A pattern of a schema means what it means in JavaScript, or is refused by name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern, patternProblem } from '../../src/chain/pattern.ts';

/** Whether a validator in JavaScript accepts a text: by code points, where the pattern can be read that way. */
interface Reference {
  readonly byCodePoints: boolean;
  test(text: string): boolean;
}

/**
 * A search is tried at each code point, as ECMAScript says (RegExpBuiltinExec advances by code points). V8's own search
 * also tries the middle of a surrogate pair where a pattern begins with an assertion: it finds `\B` inside of 😀.
 */
function inJavaScript(pattern: string): Reference {
  let regExp: RegExp;
  try {
    regExp = new RegExp(pattern, 'uy');
  } catch {
    const byCodeUnits = new RegExp(pattern);
    return { byCodePoints: false, test: (text) => byCodeUnits.test(text) };
  }
  const matchesAt = (text: string, index: number): boolean => {
    regExp.lastIndex = index;
    return regExp.test(text);
  };
  return {
    byCodePoints: true,
    test(text) {
      let index = 0;
      const starts = [0, ...Array.from(text, (character) => (index += character.length))];
      return starts.some((start) => matchesAt(text, start));
    },
  };
}

const SPACES = Array.from('\t\n\v\f\r \u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000\ufeff');
const NO_SPACES = Array.from('\0\x08\x0e\x1f!-_aZ09[]:^\x9f\u00a1\u180e\u200b\u2027\u2060\ufefe\u{1F600}');

describe('a pattern whose engine has other ideas means what it means in JavaScript', () => {
  it.each([
    ['^.$'],
    ['^\\s$'],
    ['^\\S$'],
    ['^[\\s]$'],
    ['^[^\\s]$'],
    ['^[\\S]$'],
    ['^[^\\S]$'],
    ['^[\\S\\s]$'],
    ['^[^]$'],
    ['^[\\s-a]$'],
    ['^[!-\\s]$'],
    ['^[a[]$'],
    ['^[\\b]$'],
    ['^[^\\n]$'],
    ['^[.]$'],
    ['^\\0$'],
    ['^\\v$'],
    ['^\\x41|\\cI$'],
    ['^[\\x41\\u0061\\cI]$'],
    ['^\\u{1F600}$'],
    ['^\\w$'],
    ['^\\W$'],
    ['^\\d$'],
    ['^\\p{Zs}$'],
    ['^]$'],
    ['^a*$'],
  ])('%j', (pattern) => {
    expect(patternProblem(pattern)).toBeUndefined();
    const [ours, theirs] = [compilePattern(pattern), inJavaScript(pattern)];
    for (const text of [...SPACES, ...NO_SPACES, 'a\n', '\r\n', '', 'aA'])
      expect([JSON.stringify(text), ours.test(text)]).toEqual([JSON.stringify(text), theirs.test(text)]);
  });
});

describe('a construct that the engine reads as something else is named', () => {
  it.each([
    ['[[:alpha:]]', 'a POSIX class is not supported in a pattern: [[:alpha:]'],
    ['[^[:space:]]', 'a POSIX class is not supported in a pattern: [^[:space:]'],
    ['[_[:^digit:]]', 'a POSIX class is not supported in a pattern: [_[:^digit:]'],
    ['\\x{41}', 'an incomplete escape is not supported in a pattern: \\x'],
    ['[\\x{41}]', 'an incomplete escape is not supported in a pattern: \\x'],
    ['\\pL', 'an incomplete escape is not supported in a pattern: \\p'],
    ['\\u12', 'an incomplete escape is not supported in a pattern: \\u'],
    ['\\p{Greek}', 'this property is not supported in a pattern: \\p{Greek}'],
    ['[\\P{Greek}]', 'this property is not supported in a pattern: \\P{Greek}'],
    ['\\Aa\\z', 'this escape is not supported in a pattern: \\A'],
    ['[\\h]', 'this escape is not supported in a pattern: \\h'],
    ['\\Qa.b\\E', 'this escape is not supported in a pattern: \\Q'],
    ['\\012', 'an octal escape is not supported in a pattern: \\012'],
    ['[\\ud83d\\ude00]', 'a lone surrogate is not supported in a pattern: \\ud83d'],
    ['\\u{d83d}', 'a lone surrogate is not supported in a pattern: \\u{d83d}'],
    ['(?i)yes', 'a flag is not supported in a pattern: (?i'],
    ['(?s:.)', 'a flag is not supported in a pattern: (?s'],
    ['\\p{L}\\_', '"\\\\p{L}\\\\_" is not a regular expression with the flag u'],
    ['😀?|]', '"😀?|]" is not a regular expression with the flag u'],
    ['[]a]', 'an empty class is not supported in a pattern: []'],
  ])('%j', (pattern, problem) => expect(patternProblem(pattern)).toBe(problem));
});

it('any pattern is refused, or finds what JavaScript finds', () => {
  const atom = fc.constantFrom(
    ...['a', 'b', '-', '.', '\\s', '\\S', '\\d', '\\D', '\\w', '\\W', '\\b', '\\B', '\\n', '\\v', '\\cI'],
    ...['\\x41', '\\x', '\\x{41}', '\\u{61}', '\\u0061', '\\0', '\\01', '\\1', '\\-', '\\.', '\\]', '\\_'],
    ...['\\p{L}', '\\p{Zs}', '\\p', '\\a', '^', '$', '|', '(', ')', '(?:', '(?<n>', '*', '+', '?', '{2}'],
    ...['{,2}', '{', '}', '[', ']', '[^', '[:', ':]', ':', '/', '😀', '\u00a0', '\r', ' ', ','],
  );
  const pattern = fc.array(atom, { maxLength: 8 }).map((parts) => parts.join(''));
  const inClass = fc
    .tuple(fc.boolean(), fc.array(atom, { minLength: 1, maxLength: 5 }))
    .map(([not, parts]) => `^[${not ? '^' : ''}${parts.join('')}]$`);
  const text = fc
    .array(fc.constantFrom(...SPACES, ...NO_SPACES, 'b', 'A', '.', 'x', ',', '{', '}', '/'), { maxLength: 3 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      fc.oneof(pattern, inClass),
      fc.array(text, { minLength: 5, maxLength: 5 }),
      (source, texts) => {
        if (patternProblem(source) !== undefined) return;
        let ours;
        try {
          ours = compilePattern(source);
        } catch {
          return; // refused by the engine, as `schemaProblem` says
        }
        const theirs = inJavaScript(source);
        // One that cannot be read by code points sees two halves of what lies beyond the first 65,536.
        const known = theirs.byCodePoints ? texts : texts.filter((each) => !/[^\0-\uffff]/u.test(each));
        for (const each of known)
          expect([source, each, ours.test(each)]).toEqual([source, each, theirs.test(each)]);
      },
    ),
    { numRuns: 3_000 },
  );
});
