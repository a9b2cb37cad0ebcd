/**
 * The syntax of a pattern: its tokens, what JavaScript and the engine (RE2) read differently, and the translation for
 * the engine.
 */
import { RE2JS } from 're2js';

const ESCAPE = String.raw`\\(?:x[\da-f]{2}|u\{[\da-f]+\}|u[\da-f]{4}|c[a-z]|p\{[^}]*\}|0\d*|[\s\S])`;
const CLASS = String.raw`\[\^?(?:\\[\s\S]|[^\]\\])*\]`;
const GROUP = String.raw`\((?:\?(?:[:=!]|<[=!]|<[^>]*>|[imsux-]+))?`;
const COUNTED = String.raw`\{\d+(?:,\d*)?\}`;
/** One token: an escape, a class, a group's opening, a counted repeat, or a character. */
const TOKEN = new RegExp([ESCAPE, CLASS, GROUP, COUNTED, String.raw`[\s\S]`].join('|'), 'giu');
/** One token inside a class. */
const CLASS_TOKEN = new RegExp(String.raw`${ESCAPE}|[\s\S]`, 'giu');

/** Constructs that need backtracking, or that the engine reads differently. */
const CONSTRUCTS: readonly (readonly [RegExp, string])[] = [
  [/^\(\?[=!]/, 'look-ahead'],
  [/^\(\?<[=!]/, 'look-behind'],
  [/^\(\?[imsux-]/i, 'a flag'],
  [/^\[\]/, 'an empty class'],
  [/^\[.*\[:\^?[a-z]+:/is, 'a POSIX class'],
];
/** Unsupported escapes, inside or outside a class. */
const ESCAPES: readonly (readonly [RegExp, string])[] = [
  [/^\\[1-9]/, 'a back-reference'],
  [/^\\k/, 'a named back-reference'],
  [/^\\0\d/, 'an octal escape'],
  [/^\\[xucpP]$/, 'an incomplete escape'],
  [/^\\u\{?0*d[89a-f]../i, 'a lone surrogate'],
  [/^\\[^\WdDwWsSbBnrtfvpPcxu_0]/, 'this escape'],
];

/** Character ranges of JavaScript's `\s`, of its complement, and of line ends. */
const SPACE = String.raw`\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`;
const NO_SPACE = String.raw`\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`;
const LINE_END = String.raw`\n\r\x{2028}\x{2029}`;

/** The tokens of a pattern; a class is one token. */
export const tokensOf = (pattern: string): string[] => pattern.match(TOKEN) ?? [];

/** The first construct in a pattern that the engine does not support or reads differently, with its name. */
export function differenceIn(pattern: string): { readonly what: string; readonly token: string } | undefined {
  for (const token of tokensOf(pattern)) {
    const what = nameIn(CONSTRUCTS, token);
    if (what !== undefined) return { what, token };
    for (const escape of isClass(token) ? classTokens(token) : [token]) {
      const found = nameIn(ESCAPES, escape) ?? propertyProblem(escape);
      if (found !== undefined) return { what: found, token: escape };
    }
  }
  return undefined;
}

/** The pattern translated for the engine, so that it means what it means in JavaScript. */
export function inRe2(pattern: string): string {
  const tokens = tokensOf(pattern).map((token) => {
    if (token === '.') return `[^${LINE_END}]`;
    if (token === String.raw`\s`) return `[${SPACE}]`;
    if (token === String.raw`\S`) return `[${NO_SPACE}]`;
    return isClass(token) ? classInRe2(token) : token;
  });
  return RE2JS.translateRegExp(tokens.join(''));
}

function classInRe2(token: string): string {
  const parts = classTokens(token);
  const isSpace = (part: string | undefined): boolean => part?.toLowerCase() === String.raw`\s`;
  return parts
    .map((part, at) => {
      if (isSpace(part)) return part === String.raw`\s` ? SPACE : NO_SPACE;
      if (part === String.raw`\b`) return String.raw`\x08`;
      // Escaped, so that it does not begin a POSIX class.
      if (part === '[' && at > 0) return String.raw`\[`;
      // Beside a set such as `\s` there is no range, so the hyphen is a literal.
      return part === '-' && (isSpace(parts[at - 1]) || isSpace(parts[at + 1])) ? String.raw`\-` : part;
    })
    .join('');
}

const isClass = (token: string): boolean => token.length > 1 && token.startsWith('[');
const classTokens = (token: string): string[] => token.match(CLASS_TOKEN) ?? [];
const nameIn = (names: readonly (readonly [RegExp, string])[], token: string): string | undefined =>
  names.find(([shape]) => shape.test(token))?.[1];

/** The engine accepts property names that JavaScript does not. */
function propertyProblem(escape: string): string | undefined {
  if (!/^\\[pP]\{/.test(escape)) return undefined;
  try {
    new RegExp(escape, 'u');
    return undefined;
  } catch {
    return 'this property';
  }
}
