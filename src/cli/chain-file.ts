import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { readChain, type ReadChain } from '../chain/file.ts';
import { SubagentsError } from '../contract/errors.ts';

/** Reads a chain file, or stdin for `-`. @throws SubagentsError BAD_INPUT where there is none */
export async function readChainFile(file: string): Promise<ReadChain> {
  return readChain(file === '-' ? await readAll(process.stdin) : await readInput('the chain', file));
}

/**
 * The text of a file that a command names.
 * @param what it is called in the error
 * @throws SubagentsError BAD_INPUT when it cannot be read
 */
export async function readInput(what: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw new SubagentsError('BAD_INPUT', `${what} cannot be read from ${file}: ${reason}`, {
      remedy: 'name a text file that you can read',
      cause: error,
    });
  }
}
