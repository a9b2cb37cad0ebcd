import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { SubagentsError } from '../contract/errors.ts';

/**
 * Reads a text that the command line has as words, as a file, or on stdin (`-`).
 * @param what names the text in errors, for example `task`.
 * @throws SubagentsError BAD_INPUT when there is no text, or two, or the file cannot be read
 */
export async function readText(
  what: string,
  words: readonly string[],
  file: string | undefined,
): Promise<string> {
  if (file !== undefined && words.length > 0) {
    throw new SubagentsError(
      'BAD_INPUT',
      `the ${what} is given twice: as an argument and as the file ${file}`,
      {
        remedy: 'give one of the two',
      },
    );
  }
  const source = file ?? (words.length === 1 && words[0] === '-' ? '-' : undefined);
  if (source === '-') return await readAll(process.stdin);
  if (source !== undefined) return await readTextFile(what, source);
  if (words.length > 0) return words.join(' ');
  throw new SubagentsError('BAD_INPUT', `the ${what} is missing`, {
    remedy: `write it after the name, in quotes; or --file <file>; or "-" to read it from stdin`,
  });
}

async function readTextFile(what: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new SubagentsError('BAD_INPUT', `the ${what} cannot be read from ${file}: ${reason(error)}`, {
      remedy: 'name a readable text file',
      cause: error,
    });
  }
}

const reason = (error: unknown) => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'it is a folder';
  if (code === 'EACCES') return 'permission denied';
  return error instanceof Error ? error.message : String(error);
};
