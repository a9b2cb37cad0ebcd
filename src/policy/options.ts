/** Reads the options in front of what matters in a command: a subcommand, or the command that a wrapper runs. */
import { hasWild, isKnown, type ShellWord } from './words.ts';

/** What stands behind the options. */
export interface BehindOptions {
  /** The index of the first word that is neither an option nor an option's value. */
  readonly at: number;
  /** The options with their values, in order. */
  readonly options: readonly { readonly name: string; readonly value?: ShellWord }[];
  /** Whether the index may be wrong: an option is not known to us, or not known before the shell runs. */
  readonly doubtful: boolean;
}

/**
 * Skips the options of `words`.
 * @param valued the options that take the next word as their value, separated by spaces: `-u --user`
 * @param flags the options that take none; with any other option, the result is doubtful
 */
export function skipOptions(words: readonly ShellWord[], valued = '', flags = ''): BehindOptions {
  const takesValue = new Set(valued.split(' '));
  const isFlag = new Set(flags.split(' '));
  const options: { name: string; value?: ShellWord }[] = [];
  let doubtful = false;
  let at = 0;
  while (at < words.length) {
    const word = words[at] as ShellWord;
    if (!isKnown(word) && !/^--?\w/u.test(word.value)) {
      doubtful ||= word.many || hasWild(word.value[0] ?? '');
      break;
    }
    if (!/^[-+]./u.test(word.value)) break;
    at++;
    if (word.value === '--') break;
    const [name = '', ...rest] = word.value.split('=');
    if (word.value.startsWith('--')) {
      if (rest.length > 0) options.push({ name, value: { ...word, value: rest.join('=') } });
      else if (takesValue.has(name)) options.push({ name, ...valueAt(words, at++) });
      else {
        options.push({ name });
        doubtful ||= !isFlag.has(name);
      }
      continue;
    }
    // A cluster of short options: the first that takes a value takes the rest of the word, or else the next word.
    const letters = Array.from(word.value.slice(1));
    for (const [index, letter] of letters.entries()) {
      const short = `${word.value[0] ?? '-'}${letter}`;
      if (!takesValue.has(short)) {
        options.push({ name: short });
        doubtful ||= !isFlag.has(short);
        continue;
      }
      const stuck = letters.slice(index + 1).join('');
      options.push(
        stuck === ''
          ? { name: short, ...valueAt(words, at++) }
          : { name: short, value: { ...word, value: stuck } },
      );
      break;
    }
  }
  return { at, options, doubtful };
}

function valueAt(words: readonly ShellWord[], at: number): { readonly value?: ShellWord } {
  const value = words[at];
  return value === undefined ? {} : { value };
}
