/**
 * The `pattern` of a JSON schema: a regular expression whose time grows with the length of what it is held to, and with nothing
 * else. JavaScript's own engine goes back and tries again, for hours with `^(a+)+$` and an unlucky text.
 */
import { RE2JS } from 're2js';

/** Characters of one pattern. */
const MAX_PATTERN_CHARS = 1_000;
/** Times that something is repeated; nested repeats are multiplied. */
const MAX_REPEATS = 1_000;
/** What the engine refuses, from its own words, in the words of a user. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/repeat count/, 'a repeat over 1,000 (nested ones multiplied)'],
  [/nests too deeply/, 'groups nested this deep'],
];
/** The constructs of JavaScript's regular expressions that need going back, or that the engine reads as something else. */
const CONSTRUCTS: readonly (readonly [RegExp, string])[] = [
  [/^\(\?[=!]/, 'look-ahead'],
  [/^\(\?<[=!]/, 'look-behind'],
  [/^\\[1-9]/, 'a back-reference'],
  [/^\\k/, 'a named back-reference'],
  [/^\[\]/, 'an empty class'],
  [/^\[\[:/, 'a POSIX class'],
  [/^\\u[dD][89a-fA-F]/, 'half of a surrogate pair'],
  [/^\\[^\WdDwWsSbBnrtfvpPcxu_0]/, 'this escape'],
];
/** One token: an escape, a class, a group's opening, a counted repeat, or a character. */
const TOKEN =
  /\\(?:x[\da-f]{2}|u\{[\da-f]+\}|u[\da-f]{4}|c[a-z]|p\{[^}]*\}|[\s\S])|\[\^?(?:\\[\s\S]|[^\]\\])*\]|\((?:\?(?:[:=!]|<[=!]|<[^>]*>))?|\{\d+(?:,\d*)?\}|[\s\S]/giu;

/** A pattern that is compiled. */
export interface Pattern {
  test(text: string): boolean;
}

/** What is wrong with a pattern; undefined where nothing is. It takes milliseconds, whatever the pattern. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > MAX_PATTERN_CHARS)
    return `a pattern has at most ${MAX_PATTERN_CHARS} characters, and this one ${pattern.length}`;
  if (!isJavaScript(pattern)) return `${JSON.stringify(pattern)} is no regular expression`;
  for (const [token] of pattern.matchAll(TOKEN)) {
    const construct = CONSTRUCTS.find(([shape]) => shape.test(token));
    if (construct) return unsupported(construct[1], token);
    const counts = /^\{(\d+),?(\d*)\}$/.exec(token)?.slice(1) ?? [];
    if (counts.some((count) => Number(count) > MAX_REPEATS)) return unsupported('a repeat over 1,000', token);
  }
  return undefined;
}

/** @throws Error that names what of the pattern is not supported */
export function compilePattern(pattern: string): Pattern {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern));
  } catch (error) {
    const { message } = error as Error;
    const [, token = pattern] = /: `([\s\S]*)`$/.exec(message) ?? [];
    const refused = REFUSED.find(([shape]) => shape.test(message))?.[1] ?? 'this';
    throw new Error(unsupported(refused, token), { cause: error });
  }
}

/**
 * Instructions that the pattern compiles to, or a few more: counted repeats are written out. What a schema may have of them in all
 * bounds how long compiling takes.
 */
export function patternSize(pattern: string): number {
  const groups = [0];
  let last = 0;
  const add = (size: number): void => void groups.push((groups.pop() ?? 0) + size);
  for (const [token] of pattern.matchAll(TOKEN)) {
    const counted = /^\{(\d+)(,?)(\d*)\}$/.exec(token);
    if (token.startsWith('(')) {
      groups.push(0);
    } else if (token === ')') {
      last = (groups.pop() ?? 0) + 2;
      add(last);
    } else if (counted) {
      const [, least = '0', , most = ''] = counted;
      const times = Math.max(1, Number(least), Number(most)) + 1;
      add(last * (times - 1));
      last *= times;
    } else {
      // A class can be some hundred ranges, in a program of one instruction.
      last = 1;
      add(last);
    }
  }
  return groups.reduce((sum, size) => sum + size, 0);
}

const unsupported = (what: string, token: string): string =>
  `${what} is not supported in a pattern: ${token.slice(0, 40)}`;

function isJavaScript(pattern: string): boolean {
  return ['u', ''].some((flags) => {
    try {
      return new RegExp(pattern, flags).flags === flags;
    } catch {
      return false;
    }
  });
}
