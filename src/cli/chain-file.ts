import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { readChain, type ReadChain } from '../chain/file.ts';
import { READY_MADE } from '../client/chains/ready-made.ts';
import { SubagentsError } from '../contract/errors.ts';

/** Reads a chain file, or stdin for `-`. @throws SubagentsError BAD_INPUT when the file cannot be read */
export async function readChainFile(file: string): Promise<ReadChain> {
  return readChain(
    file === '-'
      ? await readAll(process.stdin)
      : await readInput(
          'the chain',
          file,
          `name a readable text file, or a ready-made chain: ${Object.keys(READY_MADE).join(', ')}`,
        ),
  );
}

/** The name of a chain file in messages. */
export const chainFileName = (file: string): string => (file === '-' ? 'standard input' : file);

/**
 * Reads the text of a file that the command line names.
 * @param what names the text in the error
 * @throws SubagentsError BAD_INPUT when it cannot be read
 */
export async function readInput(
  what: string,
  file: string,
  remedy = 'name a readable text file',
): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw new SubagentsError('BAD_INPUT', `${what} cannot be read from ${file}: ${reason}`, {
      remedy,
      cause: error,
    });
  }
}
