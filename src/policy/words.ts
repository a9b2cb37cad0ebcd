/**
 * A word of a shell text as far as it is known before the shell runs: what a variable, a substitution or a wildcard will
 * put there is marked, so that rules can tell "is", "may be" and "is not".
 */
import type { DoubleQuotedChild, Word, WordPart } from 'unbash';

/** Stands for any characters, as what a variable may hold. */
export const ANY = '\uE000';
/** Marks what a wildcard of the shell gives: any characters but `/`. */
export const NAME = '\uE001';
const WILD = /[\uE000\uE001]/u;

/** One word of a simple command. */
export interface ShellWord {
  /** As it is written. */
  readonly text: string;
  /** What the program gets, with `ANY` and `NAME` for what is not known. */
  readonly value: string;
  /** Whether it may become no word, or several. */
  readonly many: boolean;
}

/** What is known of variables: their values, which no part of the text changes. */
export type Variables = ReadonlyMap<string, string>;

/** Whether the word is known completely. */
export const isKnown = ({ value, many }: ShellWord): boolean => !many && !WILD.test(value);
/** Whether the text has marks for what is not known. */
export const hasWild = (value: string): boolean => WILD.test(value);

/** A word that is known completely. */
export const known = (value: string): ShellWord => ({ text: value, value, many: false });
/** Words that are not known at all. */
export const UNKNOWN_WORDS: ShellWord = { text: '…', value: ANY, many: true };

/** Reads a word of the grammar. */
export function readWord(word: Word, variables: Variables): ShellWord {
  // Such characters in the text itself could pass for marks.
  if (WILD.test(word.text)) return { text: word.text, value: ANY, many: true };
  const home = variables.get('HOME');
  const tilde = /^~(?=\/|$)/u.test(word.text) && home !== undefined;
  if (word.parts === undefined) {
    const value = tilde ? home + word.value.slice(1) : word.value;
    return {
      text: word.text,
      value: isOtherHome(word.text) ? ANY + word.value.slice(1) : value,
      many: false,
    };
  }
  const parts = word.parts.map((part) => readPart(part, variables));
  const value = parts.map((part) => part.value).join('');
  return {
    text: word.text,
    value: tilde ? home + value.slice(1) : isOtherHome(word.text) ? ANY + value.slice(1) : value,
    many: parts.some((part) => part.many),
  };
}

/** `~user`, `~+`, `~-`. */
const isOtherHome = (text: string): boolean => /^~[^/]/u.test(text);

type Read = Pick<ShellWord, 'value' | 'many'>;
const one = (value: string): Read => ({ value, many: false });

function readPart(part: WordPart, variables: Variables): Read {
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return one(part.value);
    case 'DoubleQuoted':
    case 'LocaleString':
      return readQuoted(part.parts, variables);
    case 'Glob':
    case 'ExtendedGlob':
      return { value: NAME, many: true };
    case 'BraceExpansion':
      return { value: /[/$`~]|\.\./u.test(part.text) ? ANY : NAME, many: true };
    case 'ArithmeticExpansion':
      return one(NAME);
    case 'ProcessSubstitution':
      return one('/dev/fd/' + NAME);
    default:
      return readExpansion(part, variables);
  }
}

function readQuoted(parts: readonly DoubleQuotedChild[], variables: Variables): Read {
  const read = parts.map((part) =>
    part.type === 'Literal' ? one(part.value) : readExpansion(part, variables),
  );
  return {
    value: read.map(({ value }) => value).join(''),
    // In quotes only a list of words becomes several.
    many: parts.some(({ text }) => /^\$\{?(@|!|\w+\[@)/u.test(text) || /@\}?$/u.test(text)),
  };
}

function readExpansion({ text }: { readonly text: string }, variables: Variables): Read {
  const name = /^\$(?:(\w+)|\{(\w+)\})$/u.exec(text);
  const value = variables.get(name?.[1] ?? name?.[2] ?? '');
  if (value !== undefined) return one(value);
  return /^\$[#?$!]$/u.test(text) || text.startsWith('$((') ? one(NAME) : { value: ANY, many: true };
}

/** Whether some text of `value` is some text of `pattern`. Both may have marks. */
export const mayMatch = (value: string, pattern: string): boolean =>
  matches(value, pattern, (wild, char) => wild === ANY || char !== '/', true);

/** Whether each text of `value` is a text of `pattern`. Both may have marks. */
export const mustMatch = (value: string, pattern: string): boolean =>
  matches(value, pattern, (wild, char) => wild === ANY || (char !== '/' && char !== ANY), false);

function matches(
  value: string,
  pattern: string,
  covers: (wild: string, char: string) => boolean,
  both: boolean,
): boolean {
  const chars = Array.from(pattern);
  const closure = (set: ReadonlySet<number>): Set<number> => {
    const all = new Set(set);
    for (const at of all) if (WILD.test(chars[at] ?? '')) all.add(at + 1);
    return all;
  };
  // Which places of the pattern can be reached with the part of the value that was read so far.
  let reached = closure(new Set([0]));
  for (const char of value) {
    const next = new Set<number>();
    const wild = both && WILD.test(char);
    for (const at of reached) {
      const expected = chars[at];
      if (expected !== undefined && WILD.test(expected)) {
        if (wild || covers(expected, char)) next.add(at);
      } else if (expected === char && !wild) next.add(at + 1);
    }
    if (wild) {
      // It may be empty, or stand for any further part of the pattern that it covers.
      for (const at of reached) {
        next.add(at);
        for (let to = at; to < chars.length; to++) {
          const expected = chars[to] ?? '';
          if (!WILD.test(expected) && !covers(char, expected)) break;
          next.add(to + 1);
        }
      }
    }
    reached = closure(next);
    if (reached.size === 0) return false;
  }
  return reached.has(chars.length);
}
