/**
 * The `pattern` of a JSON schema: a regular expression whose time is linear in the length of the text. JavaScript's own
 * engine backtracks, for hours with `^(a+)+$` and an unlucky text.
 */
import { RE2JS } from 're2js';
import { differenceIn, inRe2, tokensOf } from './pattern-syntax.ts';

/** Characters of one pattern. */
const MAX_PATTERN_CHARS = 1_000;
/** Largest repeat count; nested repeats multiply. */
const MAX_REPEATS = 1_000;
/** Errors of the engine, and our names for them. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/repeat count/, 'a repeat over 1,000 (nested ones multiplied)'],
  [/nests too deeply/, 'groups nested this deep'],
];
/** What JavaScript reads as one character only with the flag u: some escapes, and characters beyond U+FFFF. */
const BY_CODE_POINTS = /\\[pPu]\{|[^\0-\uffff]/u;

/** A compiled pattern. */
export interface Pattern {
  test(text: string): boolean;
}

/** What is wrong with a pattern; undefined if nothing is. Takes milliseconds for every pattern. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > MAX_PATTERN_CHARS)
    return `a pattern can have at most ${MAX_PATTERN_CHARS} characters; this one has ${pattern.length}`;
  const difference = differenceIn(pattern);
  if (difference) return unsupported(difference.what, difference.token);
  const needsU = BY_CODE_POINTS.test(pattern);
  if (!(isJavaScript(pattern, 'u') || (!needsU && isJavaScript(pattern, ''))))
    return `${JSON.stringify(pattern)} is not a regular expression${needsU ? ' with the flag u' : ''}`;
  for (const token of tokensOf(pattern)) {
    const counts = /^\{(\d+),?(\d*)\}$/.exec(token)?.slice(1) ?? [];
    if (counts.some((count) => Number(count) > MAX_REPEATS)) return unsupported('a repeat over 1,000', token);
  }
  return undefined;
}

/** @throws Error that names the unsupported part of the pattern */
export function compilePattern(pattern: string): Pattern {
  try {
    return RE2JS.compile(inRe2(pattern));
  } catch (error) {
    const { message } = error as Error;
    const [, token = pattern] = /: `([\s\S]*)`$/.exec(message) ?? [];
    const refused = REFUSED.find(([shape]) => shape.test(message))?.[1] ?? 'this';
    throw new Error(unsupported(refused, token), { cause: error });
  }
}

/**
 * Number of instructions that the pattern compiles to, or slightly more; counted repeats are expanded. The limit on
 * their total in a schema bounds the time to compile it.
 */
export function patternSize(pattern: string): number {
  const groups = [0];
  let last = 0;
  const add = (size: number): void => void groups.push((groups.pop() ?? 0) + size);
  for (const token of tokensOf(pattern)) {
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
      // A class compiles to one instruction, even with hundreds of ranges.
      last = 1;
      add(last);
    }
  }
  return groups.reduce((sum, size) => sum + size, 0);
}

const unsupported = (what: string, token: string): string =>
  `${what} is not supported in a pattern: ${token.slice(0, 40)}`;

function isJavaScript(pattern: string, flags: string): boolean {
  try {
    return new RegExp(pattern, flags).flags === flags;
  } catch {
    return false;
  }
}
